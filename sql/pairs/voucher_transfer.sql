-- Vouchers city finance issued ↔ transfers the fiscal account received (T8.1), one by one. Neither knows the other's number.
SELECT
  'left' AS side, fund, city_code AS county, voucher_no AS item_key, issued_date AS day, amount, file_id, line_id, row_no
FROM transfer_vouchers, context
UNION ALL BY NAME
SELECT
  'right' AS side, fund, city_code AS county, account_no || '/' || strftime(booked_date, '%Y%m%d') || '/' || serial_no AS item_key, booked_date AS day, amount,
  file_id, line_id, row_no
FROM account_movements, context
WHERE movement = 'treasury_transfer'
