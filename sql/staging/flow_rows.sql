-- What moved in the month, row by row, by flow: `books` is whose. An allocation is taken from the receiving side's
-- statement; the paying side is reconciled with it (T10.2).
SELECT 'premium_booked' AS flow, city_code AS books, fund, county, amount, file_id, line_id, row_no
FROM treasury_premiums, context
WHERE in_city_treasury
UNION ALL
SELECT
  CASE movement
    WHEN 'allocation_received' THEN 'allocation'
    WHEN 'expenditure_interest' THEN 'agency_interest'
    ELSE movement
  END,
  city_code, fund, coalesce(county, city_code), amount, file_id, line_id, row_no
FROM account_movements, context
WHERE own_county IS NULL
  AND movement IN ('treasury_transfer', 'allocation_received', 'distribution', 'fiscal_interest', 'expenditure_interest')
UNION ALL
SELECT
  CASE item WHEN 'received' THEN 'distribution_received' WHEN 'interest' THEN 'county_interest' ELSE 'county_expenditure' END,
  county, fund, county, amount, file_id, line_id, row_no
FROM county_expenditure_report
WHERE item IN ('received', 'interest', 'total')
