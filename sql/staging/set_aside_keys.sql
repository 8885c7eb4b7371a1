-- The keys and funds of rows set aside, where they could be read: a break whose counterpart was set aside says so. Files
-- that say something only as a whole are rejected instead, and have none.
SELECT 'tax_collection_detail' AS contract, receipt_no AS item_key, fund FROM tax_collection_detail__all WHERE set_aside
UNION ALL
SELECT 'treasury_receipts', receipts.voucher_no, subjects.fund
FROM treasury_receipts__all AS receipts
LEFT JOIN subjects ON subjects.code = receipts.subject
WHERE receipts.set_aside
UNION ALL
SELECT 'agency_bookings', receipt_no, fund FROM agency_bookings__all WHERE set_aside
