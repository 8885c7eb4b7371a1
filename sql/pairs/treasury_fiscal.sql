-- Booked in the city treasury ↔ transferred to the fiscal account (T12.2), per fund.
SELECT 'left' AS side, fund, city_code AS county, '' AS item_key, amount, file_id, line_id, row_no
FROM treasury_premiums, context
WHERE in_city_treasury
UNION ALL BY NAME
SELECT 'right' AS side, fund, city_code AS county, '' AS item_key, amount, file_id, line_id, row_no
FROM account_movements, context
WHERE movement = 'treasury_transfer'
