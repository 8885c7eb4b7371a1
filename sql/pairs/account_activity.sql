-- Every movement on the accounts ↔ those by which the funds may move (T4; 财社〔2017〕144号 Art. 40–42). A movement is its net:
-- credit − debit.
SELECT
  'left' AS side, fund, coalesce(own_county, city_code) AS county, account_no || '/' || strftime(booked_date, '%Y%m%d') || '/' || serial_no AS item_key,
  account_no || ' ' || counterparty AS batch, booked_date AS day, net AS amount, file_id, line_id, row_no
FROM account_movements, context
UNION ALL BY NAME
SELECT
  'right' AS side, fund, coalesce(own_county, city_code) AS county, account_no || '/' || strftime(booked_date, '%Y%m%d') || '/' || serial_no AS item_key,
  account_no || ' ' || counterparty AS batch, booked_date AS day, net AS amount, file_id, line_id, row_no
FROM account_movements, context
WHERE movement <> 'unknown'
