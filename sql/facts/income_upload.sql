-- Facts of the income accounts' upload: what came in during the month, and the balances at its two ends.
SELECT
  fund, coalesce(own_county, '') AS county, 'collected' AS fact, CAST(net AS DECIMAL(18, 2)) AS amount, NULL::VARCHAR AS word,
  'account_statement/' || file_id || '/' || row_no AS source
FROM account_movements
WHERE own_kind = 'income' AND movement NOT IN ('upload_sent', 'upload_received', 'income_sent')
UNION ALL
SELECT
  fund, coalesce(unit, ''), unnest(['brought_forward', 'balance']), unnest([opening_balance, closing_balance]), NULL,
  'account_statement/' || file_id || '/' || row_no
FROM account_balances WHERE kind = 'income'
