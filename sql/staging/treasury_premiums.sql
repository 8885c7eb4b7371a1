-- The treasury's receipts with their fund and county. A row counts as money in the city treasury only at the budget
-- level the rulebook names (T8.1) and under a premium subject; `hint` says why another does not.
SELECT
  receipts.file_id,
  receipts.line_id,
  receipts.row_no,
  subjects.fund,
  counties.code AS county,
  receipts.voucher_no,
  receipts.booked_date,
  receipts.amount,
  receipts.level = context.premium_level AND subjects.kind = 'premium' AS in_city_treasury,
  CASE
    WHEN receipts.level <> context.premium_level THEN 'wrong_level'
    WHEN subjects.kind <> 'premium' THEN 'wrong_subject'
    WHEN receipts.voucher_no IS NULL THEN 'manual_receipt'
  END AS hint
FROM treasury_receipts AS receipts
JOIN subjects ON subjects.code = receipts.subject
JOIN counties ON counties.tax_office = receipts.tax_office
CROSS JOIN context
