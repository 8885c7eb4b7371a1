-- What moved in the month, row by row, by flow: `books` is whose, an amount below zero is the flow the other way round. Between two
-- accounts of one level the receiving side's statement counts, the paying side is reconciled with it (T10.2). A movement that was
-- matched with a transfer a rule instructed is the flow that transfer says, in the books of both levels.
WITH moved AS (
  SELECT
    movements.*, matched.city_flow, matched.city_sign, matched.county_flow, matched.county_sign,
    other.kind AS other_kind, other.purpose AS other_purpose
  FROM account_movements AS movements
  LEFT JOIN matched_movements AS matched USING (file_id, line_id)
  LEFT JOIN accounts AS other ON other.number = movements.counterparty
),
city_rows AS (
  SELECT
    *,
    CASE movement
      WHEN 'treasury_transfer' THEN CASE WHEN county IS NULL THEN 'treasury_transfer' ELSE 'county_premiums_received' END
      WHEN 'allocation_received' THEN 'allocation'
      WHEN 'income_received' THEN 'income_to_fiscal'
      WHEN 'county_premiums_received' THEN 'county_premiums_received'
      WHEN 'balance_returned' THEN 'surplus_returned'
      WHEN 'subsidy_received' THEN 'subsidy_received'
      WHEN 'refunded_to_government' THEN 'subsidy_received'
      WHEN 'agency_return_received' THEN 'agency_to_fiscal'
      WHEN 'revolving_received' THEN 'agency_upload_received'
      WHEN 'distribution' THEN 'distribution'
      WHEN 'fiscal_interest' THEN 'fiscal_interest'
      WHEN 'expenditure_interest' THEN 'agency_interest'
      WHEN 'income_interest' THEN 'city_income_interest'
      WHEN 'upload_received' THEN 'income_upload_received'
      WHEN 'premium_collected' THEN 'city_premium_collected'
      WHEN 'benefit_paid' THEN CASE other_purpose WHEN 'insurer' THEN 'insurer_paid' ELSE 'city_benefits_paid' END
      WHEN 'benefit_returned' THEN CASE other_purpose WHEN 'insurer' THEN 'insurer_paid' ELSE 'city_benefits_paid' END
      WHEN 'unknown' THEN city_flow
    END AS default_flow,
    CASE WHEN movement IN ('refunded_to_government', 'benefit_returned') THEN -1 ELSE 1 END AS default_sign
  FROM moved
  WHERE own_county IS NULL
),
county_rows AS (
  SELECT
    *,
    CASE movement
      WHEN 'county_premiums_sent' THEN 'county_premiums_sent'
      WHEN 'balance_received' THEN 'surplus_received'
      WHEN 'county_subsidy_received' THEN 'county_subsidy_received'
      WHEN 'county_interest_received' THEN 'county_agency_to_fiscal'
      WHEN 'fiscal_interest' THEN 'county_fiscal_interest'
      WHEN 'income_interest' THEN 'county_income_interest'
      WHEN 'premium_collected' THEN 'premium_collected'
      WHEN 'upload_sent' THEN 'income_upload'
      WHEN 'legacy_paid' THEN 'county_allocation'
      WHEN 'unknown' THEN county_flow
    END AS default_flow
  FROM moved
  -- What moves on a county's expenditure account is taken from its report.
  WHERE own_county IS NOT NULL AND own_kind <> 'expenditure'
),
reported AS (SELECT DISTINCT fund, county FROM county_expenditure_report)
SELECT
  CASE WHEN treasuries.county IS NULL THEN 'premium_booked' ELSE 'county_premium_booked' END AS flow,
  coalesce(treasuries.county, city_code) AS books, premiums.fund, premiums.county, amount, file_id, line_id, row_no
FROM treasury_premiums AS premiums
CROSS JOIN context
LEFT JOIN (SELECT DISTINCT county FROM accounts WHERE kind = 'treasury' AND county IS NOT NULL) AS treasuries
  ON treasuries.county = premiums.county
WHERE in_city_treasury
UNION ALL
SELECT
  coalesce(city_flow, default_flow), city_code, fund, coalesce(county, city_code), coalesce(city_sign, default_sign) * amount,
  file_id, line_id, row_no
FROM city_rows, context
WHERE default_flow IS NOT NULL
UNION ALL
SELECT
  coalesce(county_flow, default_flow), own_county, fund, own_county, coalesce(county_sign, 1) * amount, file_id, line_id, row_no
FROM county_rows
WHERE default_flow IS NOT NULL
UNION ALL
-- A county's treasury sends no statement: what the city received of it is what it sent.
SELECT
  coalesce(county_flow, 'county_treasury_sent'), county, fund, county, coalesce(county_sign, 1) * amount, file_id, line_id, row_no
FROM city_rows
WHERE other_kind = 'treasury' AND county IS NOT NULL AND default_flow IS NOT NULL
UNION ALL
-- Nor does its fiscal account of before pooling.
SELECT
  coalesce(county_flow, 'legacy_uploaded'), county, fund, county, coalesce(county_sign, 1) * amount, file_id, line_id, row_no
FROM city_rows
WHERE other_purpose = 'former' AND movement = 'county_premiums_received'
UNION ALL
-- A county's report says what its expenditure account received, paid and earned.
SELECT
  CASE item WHEN 'received' THEN 'distribution_received' WHEN 'interest' THEN 'county_interest' ELSE 'county_expenditure' END,
  county, fund, county, amount, file_id, line_id, row_no
FROM county_expenditure_report
WHERE item IN ('received', 'interest', 'total')
UNION ALL
-- It enters net what it received, for it has no line for what it gave back: to the city's agency,
SELECT
  unnest([coalesce(county_flow, 'agency_uploaded'), 'distribution_received']), county, fund, county, amount, file_id, line_id, row_no
FROM city_rows
SEMI JOIN reported USING (fund, county)
WHERE movement = 'revolving_received'
UNION ALL
-- and to its own fiscal account;
SELECT 'distribution_received', own_county, fund, own_county, amount, file_id, line_id, row_no
FROM county_rows
SEMI JOIN reported ON reported.fund = county_rows.fund AND reported.county = county_rows.own_county
WHERE movement = 'county_interest_received'
UNION ALL
-- the revolving fund is in what it received;
SELECT
  unnest([county_flow, 'distribution_received']), county, fund, county, unnest([amount, -amount]), file_id, line_id, row_no
FROM city_rows
SEMI JOIN reported USING (fund, county)
WHERE movement = 'distribution' AND county_flow <> 'distribution_received'
UNION ALL
-- and it leaves out what a balance of before pooling bears (T13), which goes out as it came in.
SELECT 'institutions_paid', own_county, fund, own_county, amount, file_id, line_id, row_no
FROM county_rows
WHERE movement = 'legacy_paid'
