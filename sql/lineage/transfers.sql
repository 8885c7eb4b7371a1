-- The treasury's rows behind each transfer of the monthly remittance, which goes the way the sum of them does.
SELECT
  'transfers/' || context.city || '/' || context.month || '/' || context.remittance_rule || '/' || fund || '/' || county AS row_id,
  'amount' AS column_name,
  CASE WHEN sum(amount) OVER (PARTITION BY fund, county) < 0 THEN -amount ELSE amount END AS amount, file_id, line_id, row_no
FROM treasury_premiums, context
WHERE in_city_treasury
