-- What goes on to the next month: every break of a class that does and that nobody has ended, as it stands.
SELECT
  pair,
  CASE WHEN right_rows = 0 THEN 'left' WHEN left_rows = 0 THEN 'right' WHEN difference > 0 THEN 'left' ELSE 'right' END AS side,
  fund,
  county,
  item_key AS item_id,
  numbered,
  batch,
  since,
  CAST(CASE
    WHEN right_rows = 0 THEN difference
    WHEN left_rows = 0 THEN -difference
    ELSE abs(difference)
  END AS DECIMAL(18, 2)) AS amount,
  class,
  origin,
  break_id,
  'breaks/' || context.city || '/' || context.month || '/' || break_id AS row_id
FROM pair_breaks, context
WHERE carries AND state = 'open'
