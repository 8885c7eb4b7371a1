-- Pass 2, receipt ↔ batch: what is left on one side alone, taken together by batch, is to the fen what is left on the other.
-- Many receipts to one line, or one receipt to many lines; one and one is the next pass's.
SELECT
  fund,
  county,
  batch,
  count(*) FILTER (WHERE right_rows = 0) AS left_items,
  count(*) FILTER (WHERE left_rows = 0) AS right_items,
  CAST(sum(left_amount) AS DECIMAL(18, 2)) AS amount
FROM item_sums
WHERE difference <> 0 AND batch IS NOT NULL AND (left_rows = 0 OR right_rows = 0)
GROUP BY fund, county, batch
HAVING left_items > 0 AND right_items > 0 AND left_items + right_items > 2 AND sum(difference) = 0
