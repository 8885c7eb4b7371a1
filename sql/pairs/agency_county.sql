-- Paid to the counties by the city agency (补助下级) ↔ received by each county as it reports (上级补助), per county and fund
-- (T10.2). What a county gives back counts against both: the revolving fund to the city's agency, interest to its own fiscal
-- account, for its report has no line for it and enters what it received net. A report in 万元 with two decimals is rounded to 100 yuan.
SELECT
  'left' AS side, fund, county, '' AS item_key, CASE movement WHEN 'distribution' THEN amount ELSE -amount END AS amount,
  file_id, line_id, row_no
FROM account_movements
WHERE movement IN ('distribution', 'revolving_received', 'county_interest_received')
UNION ALL BY NAME
SELECT 'right' AS side, fund, county, '' AS item_key, amount, CASE WHEN amount % 100 = 0 THEN 50 END AS rounding, file_id, line_id, row_no
FROM county_expenditure_report
WHERE item = 'received'
