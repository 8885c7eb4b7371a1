-- What of a difference is explained by its nature (a refund, the movement of an account). Used only where it brings the
-- difference nearer to nil. No more is a refund than may be paid back; the rest of it is unfounded.
WITH sums AS (
  SELECT
    items.fund, items.county, items.break_item, rows.explains, CAST(sum(rows.explained) AS DECIMAL(18, 2)) AS part,
    any_value(items.left_amount) AS paid, any_value(items.difference) AS difference
  FROM unmatched_items AS items
  JOIN side_rows AS rows
    ON rows.fund = items.fund AND rows.county = items.county AND rows.item_id = items.break_item
  WHERE rows.explains IS NOT NULL
  GROUP BY items.fund, items.county, items.break_item, rows.explains
),
used AS (
  SELECT
    *,
    -- A number refunded in several counties or funds may be paid back once: in their order.
    coalesce(sum(part) OVER (
      PARTITION BY explains, break_item ORDER BY fund, county ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ), 0) AS before,
    sum(part) OVER (PARTITION BY fund, county, break_item) AS together
  FROM sums
),
founded AS (
  SELECT used.*, CAST(CASE
      WHEN explains <> 'refund' THEN part
      WHEN refundable.item_key IS NOT NULL THEN least(part, greatest(refundable.amount - before, 0))
      -- Where nobody knows what the treasury booked, what the payer paid is the most.
      WHEN paid > 0 THEN least(part, paid)
      ELSE part
    END AS DECIMAL(18, 2)) AS good
  FROM used
  LEFT JOIN refundable ON refundable.item_key = used.break_item
)
SELECT fund, county, break_item, explains AS class, good AS part
FROM founded
WHERE good <> 0 AND abs(difference - together) < abs(difference)
UNION ALL
SELECT fund, county, break_item, 'refund_unfounded', CAST(part - good AS DECIMAL(18, 2))
FROM founded
WHERE part <> good
  AND (abs(difference - together) < abs(difference) OR abs(difference - part + good) < abs(difference))
