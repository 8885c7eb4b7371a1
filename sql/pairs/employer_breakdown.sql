-- The county of every employer receipt both sides have (T12.5). It compares where, not how much (that is T12.4): both sides
-- carry the agency's amount.
SELECT
  'left' AS side, agency.fund, agency.county, agency.receipt_no AS item_key, agency.booked_date AS day, agency.amount,
  agency.file_id, agency.line_id, agency.row_no
FROM agency_bookings AS agency
JOIN tax_collection_detail AS tax USING (receipt_no)
WHERE agency.payer_type = 'employer' AND tax.booked_date IS NOT NULL
UNION ALL BY NAME
SELECT
  'right' AS side, agency.fund, tax.county, agency.receipt_no AS item_key, agency.booked_date AS day, agency.amount,
  agency.file_id, agency.line_id, agency.row_no
FROM agency_bookings AS agency
JOIN tax_collection_detail AS tax USING (receipt_no)
WHERE agency.payer_type = 'employer' AND tax.booked_date IS NOT NULL
