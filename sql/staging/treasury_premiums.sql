-- What the treasury's lists say of premiums, with fund and county: receipts (3139), refunds (1104, negative), and corrections
-- (1105: out of what a booking was, into what it is). A row counts as money in the city treasury only at the budget level the
-- rulebook names (T8.1; any where it names none) and under a premium subject; `hint` says why a receipt does not.
WITH booked AS (
  SELECT
    'receipt' AS list, file_id, line_id, row_no, voucher_no, booked_date, level, subject, tax_office, amount,
    adjustment_period
  FROM treasury_receipts
  UNION ALL
  SELECT 'refund', file_id, line_id, row_no, voucher_no, refund_date, level, subject, tax_office, -amount, NULL
  FROM treasury_refunds
  UNION ALL
  SELECT
    'correction', file_id, line_id, row_no, voucher_no, correction_date, original_level, original_subject,
    original_tax_office, -amount, NULL
  FROM treasury_corrections
  UNION ALL
  SELECT 'correction', file_id, line_id, row_no, voucher_no, correction_date, level, subject, tax_office, amount, NULL
  FROM treasury_corrections
)
SELECT
  booked.list,
  booked.file_id,
  booked.line_id,
  booked.row_no,
  subjects.fund,
  counties.code AS county,
  booked.voucher_no,
  booked.booked_date,
  CAST(booked.amount AS DECIMAL(18, 2)) AS amount,
  (context.premium_level IS NULL OR booked.level = context.premium_level) AND subjects.kind = 'premium' AS in_city_treasury,
  CASE
    WHEN booked.list <> 'receipt' THEN NULL
    WHEN booked.level <> context.premium_level THEN 'wrong_level'
    WHEN subjects.kind <> 'premium' THEN 'wrong_subject'
    WHEN booked.adjustment_period = 'last_year' THEN 'adjustment_period'
    WHEN booked.voucher_no IS NULL THEN 'manual_receipt'
  END AS hint
FROM booked
JOIN subjects ON subjects.code = booked.subject
JOIN counties ON counties.tax_office = booked.tax_office
CROSS JOIN context
