-- Both sides of every pair, row by row. `item_key` is what the two sides are matched on; a pair that compares sums has
-- an empty key. A row out of scope carries no money for its side and explains by `hint` why the money is missing there.
-- T12.1: tax ↔ treasury, receipt by receipt.
SELECT
  'tax_treasury' AS pair, 'left' AS side, fund, county, receipt_no AS item_key, paid_amount AS amount,
  true AS in_scope, CASE WHEN booked_date IS NULL THEN 'in_transit' END AS hint, file_id, line_id, row_no
FROM tax_collection_detail
UNION ALL
SELECT
  'tax_treasury', 'right', fund, county, coalesce(voucher_no, '#' || row_no), amount,
  -- Money elsewhere than in the city treasury is nobody's match; where no receipt explains it, it stands for itself.
  in_city_treasury OR NOT EXISTS (SELECT 1 FROM tax_collection_detail AS tax WHERE tax.receipt_no = voucher_no),
  hint, file_id, line_id, row_no
FROM treasury_premiums
-- The tax offices list what was paid; what was paid back later is the treasury's alone.
WHERE list <> 'refund'
UNION ALL
-- T12.2: booked in the city treasury ↔ transferred to the fiscal account, per fund.
SELECT 'treasury_fiscal', 'left', fund, city_code, '', amount, in_city_treasury, NULL, file_id, line_id, row_no
FROM treasury_premiums, context
UNION ALL
SELECT 'treasury_fiscal', 'right', fund, city_code, '', amount, true, NULL, file_id, line_id, row_no
FROM account_movements, context
WHERE movement = 'treasury_transfer'
UNION ALL
-- T12.3 and T12.4: agency ↔ tax; per county for flexible workers and residents, city-wide for employers.
SELECT
  CASE WHEN payer_type = 'employer' THEN 'agency_tax_employer' ELSE 'agency_tax_county' END, 'left', fund,
  CASE WHEN payer_type = 'employer' THEN city_code ELSE county END, receipt_no, amount, true, NULL,
  file_id, line_id, row_no
FROM agency_bookings, context
UNION ALL
SELECT
  CASE WHEN payer_type = 'employer' THEN 'agency_tax_employer' ELSE 'agency_tax_county' END, 'right', fund,
  CASE WHEN payer_type = 'employer' THEN city_code ELSE county END, receipt_no, paid_amount, true, NULL,
  file_id, line_id, row_no
FROM tax_collection_detail, context
WHERE booked_date IS NOT NULL
UNION ALL
-- T12.5: the county of every employer receipt both sides have. It compares where, not how much (that is T12.4): both
-- sides carry the agency's amount.
SELECT
  'employer_breakdown', 'left', agency.fund, agency.county, agency.receipt_no, agency.amount, true, NULL,
  agency.file_id, agency.line_id, agency.row_no
FROM agency_bookings AS agency
JOIN tax_collection_detail AS tax USING (receipt_no)
WHERE agency.payer_type = 'employer' AND tax.booked_date IS NOT NULL
UNION ALL
SELECT
  'employer_breakdown', 'right', agency.fund, tax.county, agency.receipt_no, agency.amount, true, NULL,
  agency.file_id, agency.line_id, agency.row_no
FROM agency_bookings AS agency
JOIN tax_collection_detail AS tax USING (receipt_no)
WHERE agency.payer_type = 'employer' AND tax.booked_date IS NOT NULL
UNION ALL
-- T10.2: fiscal account ↔ city agency, then city agency ↔ county, per fund.
SELECT 'fiscal_agency', 'left', fund, city_code, '', amount, true, NULL, file_id, line_id, row_no
FROM account_movements, context
WHERE movement = 'allocation_paid'
UNION ALL
SELECT 'fiscal_agency', 'right', fund, city_code, '', amount, true, NULL, file_id, line_id, row_no
FROM account_movements, context
WHERE movement = 'allocation_received'
UNION ALL
SELECT 'agency_county', 'left', fund, county, '', amount, true, NULL, file_id, line_id, row_no
FROM account_movements
WHERE movement = 'distribution'
UNION ALL
SELECT 'agency_county', 'right', fund, county, '', amount, true, NULL, file_id, line_id, row_no
FROM county_expenditure_report
WHERE item = 'received'
UNION ALL
-- T4: every movement on the city's accounts ↔ those by which the funds may move. A movement is its net: credit − debit.
SELECT
  'account_activity', 'left', fund, city_code, account_no || '/' || serial_no, net, true, NULL, file_id, line_id, row_no
FROM account_movements, context
UNION ALL
SELECT
  'account_activity', 'right', fund, city_code, account_no || '/' || serial_no, net, true, NULL, file_id, line_id, row_no
FROM account_movements, context
WHERE movement <> 'unknown'
