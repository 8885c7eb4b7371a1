-- The keys of rows set aside, where they could be read: a break whose counterpart was set aside says so.
SELECT 'tax_collection_detail' AS contract, receipt_no AS item_key FROM tax_collection_detail__all WHERE set_aside
UNION ALL
SELECT 'treasury_receipts', voucher_no FROM treasury_receipts__all WHERE set_aside
UNION ALL
SELECT 'agency_bookings', receipt_no FROM agency_bookings__all WHERE set_aside
UNION ALL
SELECT 'account_statement', serial_no FROM account_statement__all WHERE set_aside
UNION ALL
SELECT 'county_expenditure_report', item FROM county_expenditure_report__all WHERE set_aside
