-- Paid out of the fiscal account ↔ received by the city agency (T10.2), per fund.
SELECT 'left' AS side, fund, city_code AS county, '' AS item_key, amount, file_id, line_id, row_no
FROM account_movements, context
WHERE movement = 'allocation_paid'
UNION ALL BY NAME
SELECT 'right' AS side, fund, city_code AS county, '' AS item_key, amount, file_id, line_id, row_no
FROM account_movements, context
WHERE movement = 'allocation_received'
