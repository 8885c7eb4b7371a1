-- The rows behind both totals of a pair, what earlier months left open, and the differences. `side_rows`, `item_sums` and
-- `classified_breaks` are there; what is expected or open is the sum of breaks.
WITH counted AS (
  SELECT rows.*, CASE rows.side WHEN 'left' THEN rows.amount ELSE -rows.amount END AS signed
  FROM side_rows AS rows
  JOIN item_sums AS sums USING (fund, county, item_id)
  WHERE rows.in_scope OR (rows.side = 'right' AND sums.left_rows = 0)
),
behind AS (
  SELECT
    fund, county,
    unnest([CASE WHEN carried THEN 'brought_forward' ELSE side || '_total' END, 'difference']) AS column_name,
    unnest([CASE WHEN carried THEN signed ELSE amount END, signed]) AS amount, file_id, line_id, row_no, brought_from
  FROM counted
  UNION ALL
  SELECT
    fund, county, CASE WHEN found.gate = 'expected' OR found.state <> 'open' THEN 'expected_difference' ELSE 'open_difference' END,
    difference, NULL, NULL, NULL, 'breaks/' || context.city || '/' || context.month || '/' || break_id
  FROM classified_breaks AS found, context
  WHERE found.pair = (SELECT pair FROM this_pair)
)
SELECT
  'reconciliations/' || context.city || '/' || context.month || '/' || this_pair.pair || '/' || fund || '/' || county AS row_id,
  column_name, amount, file_id, line_id, row_no, brought_from
FROM behind, context, this_pair
