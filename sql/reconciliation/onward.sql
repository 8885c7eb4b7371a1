-- What goes on to the next month: every break of a class that does and that nobody has ended, as it stands.
SELECT
  pair,
  CASE WHEN pair_breaks.right_rows = 0 THEN 'left' WHEN pair_breaks.left_rows = 0 THEN 'right' WHEN pair_breaks.difference > 0 THEN 'left' ELSE 'right' END AS side,
  pair_breaks.fund,
  pair_breaks.county,
  item_key AS item_id,
  pair_breaks.numbered,
  pair_breaks.batch,
  NOT coalesce(sums.outside, false) AS in_scope,
  since,
  CAST(CASE
    WHEN pair_breaks.right_rows = 0 THEN pair_breaks.difference
    WHEN pair_breaks.left_rows = 0 THEN -pair_breaks.difference
    ELSE abs(pair_breaks.difference)
  END AS DECIMAL(18, 2)) AS amount,
  class,
  origin,
  break_id,
  'breaks/' || context.city || '/' || context.month || '/' || break_id AS row_id
FROM pair_breaks
CROSS JOIN context
LEFT JOIN item_sums AS sums
  ON sums.fund = pair_breaks.fund AND sums.county = pair_breaks.county AND sums.item_id = pair_breaks.item_key
WHERE carries AND state IN ('open', 'explained')
