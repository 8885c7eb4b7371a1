-- Paid to the counties by the city agency (补助下级) ↔ received by each county as it reports (上级补助), per county and fund
-- (T10.2). A report in 万元 with two decimals is rounded to 100 yuan.
SELECT 'left' AS side, fund, county, '' AS item_key, amount, file_id, line_id, row_no
FROM account_movements
WHERE movement = 'distribution'
UNION ALL BY NAME
SELECT 'right' AS side, fund, county, '' AS item_key, amount, CASE WHEN amount % 100 = 0 THEN 50 END AS rounding, file_id, line_id, row_no
FROM county_expenditure_report
WHERE item = 'received'
