-- What may be paid back of each receipt refunded this month: what the treasury booked under its number, now and in the months
-- before, less what it paid back before. In the first month medpool knows, a receipt it lacks may be older: nothing is said of it.
WITH refunded AS (
  SELECT DISTINCT voucher_no AS item_key FROM treasury_refunds WHERE voucher_no IS NOT NULL
),
booked AS (
  SELECT voucher_no AS item_key, amount FROM treasury_receipts
  SEMI JOIN refunded ON refunded.item_key = treasury_receipts.voucher_no
  UNION ALL
  SELECT voucher_no, amount FROM treasury_receipts__past AS past
  SEMI JOIN refunded ON refunded.item_key = past.voucher_no
  UNION ALL
  SELECT voucher_no, -amount FROM treasury_refunds__past AS past
  SEMI JOIN refunded ON refunded.item_key = past.voucher_no
)
SELECT refunded.item_key, CAST(greatest(coalesce(sum(booked.amount), 0), 0) AS DECIMAL(18, 2)) AS amount
FROM refunded
LEFT JOIN booked USING (item_key)
WHERE NOT EXISTS (SELECT 1 FROM missing_files WHERE contract = 'treasury_receipts')
GROUP BY refunded.item_key
HAVING count(booked.amount) > 0 OR EXISTS (SELECT 1 FROM months_before)
