-- The rows behind both amounts of a break and its difference. `side_rows` and `item_sums` are those of the break's pair. A row
-- of an earlier month is what that month left open.
WITH found AS (
  SELECT * FROM classified_breaks WHERE pair = (SELECT pair FROM this_pair)
),
items AS (
  SELECT break_id, fund, county, unnest(item_ids) AS item_id FROM found WHERE item_ids IS NOT NULL
  UNION ALL
  -- A side whose file is missing: everything the other side has of the fund and county.
  SELECT found.break_id, missing.fund, missing.county, missing.item_id
  FROM found JOIN missing_items AS missing USING (fund, county)
  WHERE found.item_ids IS NULL
),
counted AS (
  SELECT
    items.break_id, rows.*,
    CASE rows.side WHEN 'left' THEN rows.amount ELSE -rows.amount END AS signed
  FROM items
  JOIN side_rows AS rows USING (fund, county, item_id)
  JOIN item_sums AS sums USING (fund, county, item_id)
  WHERE rows.in_scope OR (rows.side = 'right' AND sums.left_rows = 0)
),
explaining AS (
  SELECT items.break_id, rows.*
  FROM items
  JOIN side_rows AS rows USING (fund, county, item_id)
  WHERE rows.explains IS NOT NULL
),
-- Shares of a sum that several months have part in do not stand in rows of their own: what one month makes up for another is
-- taken off as one amount.
shares AS (
  SELECT
    found.break_id, found.origin, found.difference,
    count(*) OVER (PARTITION BY fund, county, item_key) > 1 OR found.origin < context.month AS shared
  FROM found, context
  WHERE found.item_key = '' AND found.part = ''
),
-- Of refunds: which of several has no ground, or took back what was carried, no row says.
split AS (
  SELECT found.break_id, found.difference
  FROM found
  SEMI JOIN found AS other ON other.fund = found.fund AND other.county = found.county AND other.item_key = found.item_key
    AND other.part IN ('refund', 'refund_unfounded', 'refund_unseen')
),
behind AS (
  SELECT break_id, side || '_amount' AS column_name, amount, file_id, line_id, row_no, brought_from FROM counted
  UNION ALL
  SELECT counted.break_id, 'difference', counted.signed, counted.file_id, counted.line_id, counted.row_no, counted.brought_from
  FROM counted
  JOIN found USING (break_id)
  LEFT JOIN shares USING (break_id)
  CROSS JOIN context
  WHERE found.part IN ('', 'file_missing')
    AND (shares.break_id IS NULL OR NOT shares.shared OR counted.origin = found.origin)
  UNION ALL
  SELECT found.break_id, 'difference', CASE found.part WHEN '' THEN -rows.explained ELSE rows.explained END, rows.file_id,
    rows.line_id, rows.row_no, rows.brought_from
  FROM explaining AS rows
  JOIN found USING (break_id)
  WHERE found.part = rows.explains
    OR (found.part IN ('refund_unfounded', 'refund_unseen') AND rows.explains = 'refund')
    OR (found.part = '' AND EXISTS (
      SELECT 1 FROM found AS other
      WHERE other.fund = found.fund AND other.county = found.county AND other.item_key = found.item_key
        AND (other.part = rows.explains OR (rows.explains = 'refund' AND other.part IN ('refund_unfounded', 'refund_unseen')))
    ))
),
short AS (
  SELECT parts.break_id, parts.brought_from, parts.difference - coalesce(sum(behind.amount), 0) AS amount
  FROM (
    SELECT break_id, difference, '与往月或本月同项差额相抵' AS brought_from FROM shares
    UNION ALL
    SELECT break_id, difference, '同一税票退库的另一部分' FROM split
  ) AS parts
  LEFT JOIN behind ON behind.break_id = parts.break_id AND behind.column_name = 'difference'
  GROUP BY parts.break_id, parts.brought_from, parts.difference
)
SELECT
  'breaks/' || context.city || '/' || context.month || '/' || break_id AS row_id, column_name, amount, file_id, line_id,
  row_no, brought_from
FROM behind, context
UNION ALL
SELECT
  'breaks/' || context.city || '/' || context.month || '/' || break_id, 'difference', amount, NULL, NULL, NULL,
  brought_from
FROM short, context
WHERE amount <> 0
