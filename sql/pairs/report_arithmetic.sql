-- County reports: the items ↔ their total, the total ↔ what was paid, and opening + received + interest − paid ↔ closing.
SELECT 'left' AS side, fund, county, 'total' AS item_key, amount, file_id, line_id, row_no
FROM county_expenditure_report
WHERE item NOT IN ('total', 'opening_balance', 'received', 'interest', 'paid', 'closing_balance')
UNION ALL BY NAME
SELECT
  CASE item WHEN 'total' THEN 'right' ELSE 'left' END AS side, fund, county,
  CASE item WHEN 'total' THEN 'total' ELSE 'closing_balance' END AS item_key,
  CASE item WHEN 'paid' THEN -amount ELSE amount END AS amount, file_id, line_id, row_no
FROM county_expenditure_report
WHERE item IN ('total', 'opening_balance', 'received', 'interest', 'paid')
UNION ALL BY NAME
SELECT 'right' AS side, fund, county, 'closing_balance' AS item_key, amount, file_id, line_id, row_no
FROM county_expenditure_report
WHERE item = 'closing_balance'
UNION ALL BY NAME
SELECT
  CASE item WHEN 'total' THEN 'left' ELSE 'right' END AS side, fund, county, 'paid' AS item_key, amount, file_id, line_id,
  row_no
FROM county_expenditure_report
WHERE item IN ('total', 'paid')
