-- What of a difference is explained by its nature (a refund, the movement of an account). Used only where it brings the
-- difference nearer to nil.
WITH sums AS (
  SELECT items.fund, items.county, items.break_item, rows.explains AS class, CAST(
      -- No more can be paid back than was paid, where that is known.
      CASE WHEN rows.explains = 'refund' AND items.left_amount > 0 THEN least(sum(rows.explained), items.left_amount)
        ELSE sum(rows.explained) END AS DECIMAL(18, 2)) AS part
  FROM unmatched_items AS items
  JOIN side_rows AS rows
    ON rows.fund = items.fund AND rows.county = items.county AND rows.item_id = items.break_item
  WHERE rows.explains IS NOT NULL
  GROUP BY items.fund, items.county, items.break_item, rows.explains, items.left_amount
),
used AS (
  SELECT sums.*, sum(part) OVER (PARTITION BY sums.fund, sums.county, sums.break_item) AS together, items.difference
  FROM sums
  JOIN unmatched_items AS items USING (fund, county, break_item)
)
SELECT fund, county, break_item, class, part
FROM used
WHERE part <> 0 AND abs(difference - together) < abs(difference)
