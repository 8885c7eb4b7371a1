-- The fiscal office's expenditure (what it paid out) ↔ the agencies' (what the counties spent), per fund. They differ by what
-- moved on the expenditure accounts, which is expected, and by what other pairs already call a break.
WITH figures AS (
  SELECT fund, movement AS figure, amount, file_id, line_id, row_no
  FROM account_movements
  WHERE movement IN ('allocation_paid', 'allocation_received', 'distribution')
  UNION ALL
  -- What was given back counts against what was paid.
  SELECT
    fund,
    CASE movement
      WHEN 'agency_return_received' THEN 'allocation_paid'
      WHEN 'agency_returned' THEN 'allocation_received'
      ELSE 'distribution'
    END,
    -amount, file_id, line_id, row_no
  FROM account_movements
  WHERE movement IN ('agency_return_received', 'agency_returned', 'revolving_received', 'county_interest_received')
  UNION ALL
  SELECT fund, item, amount, file_id, line_id, row_no
  FROM county_expenditure_report
  WHERE item IN ('total', 'opening_balance', 'received', 'interest', 'closing_balance')
)
SELECT
  CASE figure WHEN 'allocation_paid' THEN 'left' ELSE 'right' END AS side, fund, city_code AS county, '' AS item_key, amount,
  file_id, line_id, row_no
FROM figures, context
WHERE figure IN ('allocation_paid', 'total')
UNION ALL BY NAME
-- The city agency: received − passed on. The counties: closing − opening − interest.
SELECT
  'right' AS side, fund, city_code AS county, '' AS item_key, 0 AS amount, false AS in_scope,
  'account_movement' AS explains,
  CASE WHEN figure IN ('allocation_received', 'closing_balance') THEN amount ELSE -amount END AS explained,
  file_id, line_id, row_no
FROM figures, context
WHERE figure IN ('allocation_received', 'distribution', 'closing_balance', 'opening_balance', 'interest')
UNION ALL BY NAME
-- fiscal_agency: paid − received. agency_county: passed on − received as reported.
SELECT
  'right' AS side, fund, city_code AS county, '' AS item_key, 0 AS amount, false AS in_scope, 'other_pair' AS explains,
  CASE WHEN figure IN ('allocation_paid', 'distribution') THEN amount ELSE -amount END AS explained,
  file_id, line_id, row_no
FROM figures, context
WHERE figure IN ('allocation_paid', 'allocation_received', 'distribution', 'received')
