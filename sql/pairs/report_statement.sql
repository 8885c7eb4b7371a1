-- A county's report of its expenditure account ↔ the bank's statement of it (T10.3), line by line, where the statement came.
-- What the county gave back stands in its report against what it received. A report in 万元 with two decimals is rounded to 100 yuan.
SELECT
  'left' AS side, report.fund, report.county, report.item AS item_key, report.amount,
  CASE WHEN report.amount % 100 = 0 THEN 50 END AS rounding, report.file_id, report.line_id, report.row_no
FROM county_expenditure_report AS report
SEMI JOIN account_balances AS held
  ON held.kind = 'expenditure' AND held.unit = report.county AND held.fund = report.fund
WHERE report.item IN ('opening_balance', 'received', 'interest', 'paid', 'closing_balance')
UNION ALL BY NAME
SELECT
  'right' AS side, fund, unit AS county, unnest(['opening_balance', 'closing_balance']) AS item_key,
  unnest([opening_balance, closing_balance]) AS amount, file_id, line_id, row_no
FROM account_balances
WHERE kind = 'expenditure' AND unit IS NOT NULL
UNION ALL BY NAME
SELECT
  'right' AS side, fund, own_county AS county,
  CASE
    WHEN movement IN ('distribution_received', 'revolving_returned', 'interest_uploaded') THEN 'received'
    WHEN movement = 'expenditure_interest' THEN 'interest'
    ELSE 'paid'
  END AS item_key,
  CASE
    WHEN movement IN ('distribution_received', 'revolving_returned', 'interest_uploaded', 'expenditure_interest') THEN net
    ELSE -net
  END AS amount,
  file_id, line_id, row_no
FROM account_movements
WHERE own_kind = 'expenditure' AND own_county IS NOT NULL
