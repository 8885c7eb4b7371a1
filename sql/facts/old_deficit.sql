-- Facts of deficits from before pooling: what the audit found lacking, nothing where a balance was left.
SELECT
  fund, county, 'deficit' AS fact, CAST(greatest(-pooled_balance, 0) AS DECIMAL(18, 2)) AS amount, NULL::VARCHAR AS word,
  'legacy_balances/' || file_id || '/' || row_no AS source
FROM legacy_balances
