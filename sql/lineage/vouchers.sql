-- The treasury's receipts and the bank's transfers behind each voucher.
SELECT
  'vouchers/' || context.city || '/' || context.month || '/' || fund AS row_id,
  unnest(['amount_due', 'amount_outstanding']) AS column_name, amount, file_id, line_id, row_no
FROM treasury_premiums, context
WHERE in_city_treasury
UNION ALL
SELECT
  'vouchers/' || context.city || '/' || context.month || '/' || fund,
  unnest(['amount_transferred', 'amount_outstanding']), unnest([amount, -amount]), file_id, line_id, row_no
FROM account_movements, context
WHERE movement = 'treasury_transfer'
