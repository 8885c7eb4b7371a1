-- The file rows behind each column of the monthly settlement table.
-- A receipt in transit comes again, booked, in the next month's file: collected counts it there, once.
SELECT
  fund, county, CASE WHEN booked_date IS NULL THEN 'tax_in_transit' ELSE 'tax_collected' END AS column_name,
  paid_amount AS amount, file_id, line_id, row_no
FROM tax_collection_detail
UNION ALL
SELECT fund, county, unnest(['treasury_booked', 'remittance_due']), amount, file_id, line_id, row_no
FROM treasury_premiums
WHERE in_city_treasury
UNION ALL
SELECT fund, county, 'agency_booked', amount, file_id, line_id, row_no FROM agency_bookings
UNION ALL
SELECT fund, county, 'allocation_sent', amount, file_id, line_id, row_no
FROM account_movements
WHERE movement = 'distribution'
UNION ALL
SELECT
  fund, county,
  CASE item
    WHEN 'opening_balance' THEN 'account_opening'
    WHEN 'received' THEN 'account_received'
    WHEN 'interest' THEN 'account_interest'
    WHEN 'total' THEN 'expenditure'
    ELSE 'account_closing'
  END,
  amount, file_id, line_id, row_no
FROM county_expenditure_report
WHERE item IN ('opening_balance', 'received', 'interest', 'total', 'closing_balance')
