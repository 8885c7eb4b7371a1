-- Uploaded by the counties' income accounts (上解上级) ↔ received by the city's income account (下级上解), per county and fund
-- (Zz-4.2).
SELECT 'left' AS side, fund, own_county AS county, '' AS item_key, amount, file_id, line_id, row_no
FROM account_movements
WHERE movement = 'upload_sent'
UNION ALL BY NAME
SELECT 'right' AS side, fund, county, '' AS item_key, amount, file_id, line_id, row_no
FROM account_movements
WHERE movement = 'upload_received'
