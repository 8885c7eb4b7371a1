-- Facts of handed-over legacy balances: the pooled part as audited (personal accounts are never pooled, G1).
SELECT fund, county, 'audited' AS fact, pooled_balance AS amount, NULL::VARCHAR AS word, 'legacy_balances/' || file_id || '/' || row_no AS source
FROM legacy_balances
