-- What of a difference is explained by its nature (a refund, the movement of an account). Used only where it brings the
-- difference nearer to nil. Of refunds, what has no ground comes first; the rest explains no more than what is left: a refund
-- that takes back what the tax list never had leaves no difference.
WITH sums AS (
  SELECT
    items.fund, items.county, items.break_item, rows.explains, CAST(sum(rows.explained) AS DECIMAL(18, 2)) AS part,
    any_value(items.difference) AS difference
  FROM unmatched_items AS items
  JOIN side_rows AS rows
    ON rows.fund = items.fund AND rows.county = items.county AND rows.item_id = items.break_item
  WHERE rows.explains IS NOT NULL
  GROUP BY items.fund, items.county, items.break_item, rows.explains
),
refunds AS (
  SELECT
    sums.*, coalesce(refundable.seen, false) AS seen,
    CASE WHEN refundable.seen THEN sums.part - refundable.amount ELSE 0 END AS unfounded
  FROM sums
  LEFT JOIN refundable ON refundable.item_id = sums.break_item AND refundable.fund = sums.fund
    AND refundable.county = sums.county
  WHERE explains = 'refund'
),
used AS (
  SELECT * REPLACE (CASE WHEN abs(difference - unfounded) < abs(difference) THEN unfounded ELSE 0 END AS unfounded),
    part - unfounded AS founded
  FROM refunds
),
parts AS (
  SELECT fund, county, break_item, 'refund_unfounded' AS class, unfounded AS part FROM used
  UNION ALL
  SELECT
    fund, county, break_item, CASE WHEN seen THEN 'refund' ELSE 'refund_unseen' END,
    least(founded, greatest(difference - unfounded, 0))
  FROM used
  UNION ALL
  (
    SELECT fund, county, break_item, explains, part
    FROM sums
    WHERE explains <> 'refund'
    QUALIFY abs(difference - sum(part) OVER (PARTITION BY fund, county, break_item)) < abs(difference)
  )
)
SELECT fund, county, break_item, class, CAST(part AS DECIMAL(18, 2)) AS part
FROM parts
WHERE part <> 0
