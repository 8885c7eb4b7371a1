-- The treasury's receipts and the bank's transfers behind each voucher, and what earlier months left open.
SELECT
  'vouchers/' || context.city || '/' || context.month || '/' || fund AS row_id,
  unnest(['amount_due', 'amount_outstanding']) AS column_name, amount, file_id, line_id, row_no,
  NULL::VARCHAR AS brought_from
FROM treasury_premiums, context
WHERE in_city_treasury
UNION ALL
SELECT
  'vouchers/' || context.city || '/' || context.month || '/' || fund,
  unnest(['amount_transferred', 'amount_outstanding']), unnest([amount, -amount]), file_id, line_id, row_no,
  NULL
FROM account_movements, context
WHERE movement = 'treasury_transfer'
UNION ALL
SELECT
  'vouchers/' || context.city || '/' || context.month || '/' || fund,
  unnest(['amount_brought_forward', 'amount_outstanding']),
  unnest([CASE side WHEN 'left' THEN amount ELSE -amount END, CASE side WHEN 'left' THEN amount ELSE -amount END]), NULL, NULL, NULL,
  row_id
FROM brought_items, context
WHERE pair = 'treasury_fiscal'
