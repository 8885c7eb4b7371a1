-- The treasury's receipts behind each transfer of T8.1.
SELECT
  'transfers/' || context.city || '/' || context.month || '/T8.1/' || fund || '/' || county AS row_id,
  'amount' AS column_name, amount, file_id, line_id, row_no
FROM treasury_premiums, context
WHERE in_city_treasury
