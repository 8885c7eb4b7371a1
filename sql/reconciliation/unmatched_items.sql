-- What no pass matched. A line without a number that is more than any receipt of its batch, and all of them but for a tenth, is
-- the sum of receipts: it and they are one item, of which the sums differ.
WITH rest AS (
  SELECT open_items.*
  FROM open_items
  ANTI JOIN (
    SELECT fund, county, unnest([left_item, right_item]) AS item_id FROM (FROM amount_pairs UNION ALL FROM opposite_pairs)
  ) AS matched USING (fund, county, item_id)
),
receipts AS (
  SELECT fund, county, batch, max(left_amount) AS greatest, sum(left_amount) AS amount
  FROM rest
  WHERE batch IS NOT NULL AND NOT untouched AND right_rows = 0
  GROUP BY fund, county, batch
  HAVING count(*) > 1
),
lines AS (
  SELECT rest.fund, rest.county, rest.batch, rest.item_id
  FROM rest
  JOIN receipts USING (fund, county, batch)
  WHERE rest.left_rows = 0 AND NOT rest.numbered AND NOT rest.untouched AND rest.right_amount > receipts.greatest
    AND abs(rest.right_amount - receipts.amount) * 10 < rest.right_amount
  QUALIFY count(*) OVER (PARTITION BY rest.fund, rest.county, rest.batch) = 1
),
joined AS (
  SELECT
    rest.*,
    coalesce('#汇总 ' || lines.batch, rest.item_id) AS break_item
  FROM rest
  LEFT JOIN lines ON lines.fund = rest.fund AND lines.county = rest.county AND lines.batch = rest.batch
    AND NOT rest.untouched AND (rest.right_rows = 0 OR rest.item_id = lines.item_id)
)
SELECT
  fund,
  county,
  break_item,
  list(item_id ORDER BY item_id) AS item_ids,
  bool_and(numbered) AS numbered,
  min(batch) AS batch,
  CAST(sum(left_rows) AS BIGINT) AS left_rows,
  CAST(sum(right_rows) AS BIGINT) AS right_rows,
  CAST(sum(left_amount) AS DECIMAL(18, 2)) AS left_amount,
  CAST(sum(right_amount) AS DECIMAL(18, 2)) AS right_amount,
  CAST(sum(difference) AS DECIMAL(18, 2)) AS difference,
  CAST(sum(brought) AS DECIMAL(18, 2)) AS brought,
  bool_and(untouched) AS untouched,
  min(day) AS day,
  min(origin) AS origin,
  min(carried_class) AS carried_class,
  CASE WHEN count(*) = 1 THEN min(left_hint) END AS left_hint,
  CASE WHEN count(*) = 1 THEN min(right_hint) END AS right_hint,
  max(rounding) AS rounding,
  min(left_place) AS left_place,
  min(right_place) AS right_place
FROM joined
GROUP BY fund, county, break_item
HAVING sum(difference) <> 0
