-- Paid out of the fiscal account ↔ received by the city agency (T10.2), per fund, each less what the agency gave back.
SELECT
  'left' AS side, fund, city_code AS county, '' AS item_key,
  CASE movement WHEN 'allocation_paid' THEN amount ELSE -amount END AS amount, file_id, line_id, row_no
FROM account_movements, context
WHERE movement IN ('allocation_paid', 'agency_return_received')
UNION ALL BY NAME
SELECT
  'right' AS side, fund, city_code AS county, '' AS item_key,
  CASE movement WHEN 'allocation_received' THEN amount ELSE -amount END AS amount, file_id, line_id, row_no
FROM account_movements, context
WHERE movement IN ('allocation_received', 'agency_returned')
