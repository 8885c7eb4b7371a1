-- Pass 1, exact key: what each side has of an item. The item agrees where the difference is nil. Rows out of scope are money
-- elsewhere: they count only where the left side knows nothing of the item.
WITH sums AS (
  SELECT
    fund,
    county,
    item_id,
    bool_and(numbered) AS numbered,
    min(batch) AS batch,
    bool_or(older) AS older,
    count(*) FILTER (WHERE side = 'left') AS left_rows,
    count(*) FILTER (WHERE side = 'right' AND in_scope) AS rows_in,
    count(*) FILTER (WHERE side = 'right' AND NOT in_scope) AS rows_out,
    sum(CASE side WHEN 'left' THEN amount ELSE 0 END) AS left_amount,
    sum(CASE WHEN side = 'right' AND in_scope THEN amount ELSE 0 END) AS amount_in,
    sum(CASE WHEN side = 'right' AND NOT in_scope THEN amount ELSE 0 END) AS amount_out
  FROM side_rows
  GROUP BY fund, county, item_id
)
SELECT
  fund,
  county,
  item_id,
  numbered,
  -- Only receipts and lines without a number can be one another's batch, and only money where it should be.
  CASE WHEN left_rows > 0 OR (NOT numbered AND rows_out = 0) THEN batch END AS batch,
  left_rows = 0 AND rows_out > 0 AS outside,
  older,
  left_rows,
  CASE WHEN left_rows = 0 THEN rows_in + rows_out ELSE rows_in END AS right_rows,
  CAST(left_amount AS DECIMAL(18, 2)) AS left_amount,
  CAST(amount_in + CASE WHEN left_rows = 0 THEN amount_out ELSE 0 END AS DECIMAL(18, 2)) AS right_amount,
  CAST(left_amount - amount_in - CASE WHEN left_rows = 0 THEN amount_out ELSE 0 END AS DECIMAL(18, 2)) AS difference
FROM sums
