-- The treasury's receipts behind each remittance.
SELECT
  'remittances/' || context.city || '/' || context.month || '/' || fund || '/' || county AS row_id,
  'amount' AS column_name, amount, file_id, line_id, row_no
FROM treasury_premiums, context
WHERE in_city_treasury
