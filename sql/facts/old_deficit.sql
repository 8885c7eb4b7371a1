-- Facts of deficits from before pooling: what the audit found lacking, and what was made up in earlier years.
SELECT fund, county, 'deficit' AS fact, CAST(-pooled_balance AS DECIMAL(18, 2)) AS amount, NULL::VARCHAR AS word, 'legacy_balances/' || file_id || '/' || row_no AS source
FROM legacy_balances WHERE pooled_balance < 0
