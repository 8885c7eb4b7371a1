-- One row an item of a pair: what each side has of it, and one file row of each as the place to look.
SELECT
  pair,
  fund,
  county,
  item_key,
  CAST(coalesce(sum(amount) FILTER (WHERE side = 'left' AND in_scope), 0) AS DECIMAL(18, 2)) AS left_amount,
  CAST(coalesce(sum(amount) FILTER (WHERE side = 'right' AND in_scope), 0) AS DECIMAL(18, 2)) AS right_amount,
  count(*) FILTER (WHERE side = 'left' AND in_scope) AS left_rows,
  count(*) FILTER (WHERE side = 'right' AND in_scope) AS right_rows,
  min(hint) FILTER (WHERE side = 'left') AS left_hint,
  min(hint) FILTER (WHERE side = 'right') AS right_hint,
  min({'file_id': file_id, 'line_id': line_id, 'row_no': row_no}) FILTER (WHERE side = 'left') AS left_place,
  min({'file_id': file_id, 'line_id': line_id, 'row_no': row_no}) FILTER (WHERE side = 'right') AS right_place
FROM sides
GROUP BY pair, fund, county, item_key
