-- Out of the city's income account ↔ into the city's special fiscal account (Zz-4.2), per fund.
SELECT 'left' AS side, fund, city_code AS county, '' AS item_key, amount, file_id, line_id, row_no
FROM account_movements, context
WHERE movement = 'income_sent'
UNION ALL BY NAME
SELECT 'right' AS side, fund, city_code AS county, '' AS item_key, amount, file_id, line_id, row_no
FROM account_movements, context
WHERE movement = 'income_received'
