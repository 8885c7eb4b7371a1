-- Facts of the old adjustment fund's joining: its balance by the final accounts of the year before.
SELECT fund, '' AS county, 'balance' AS fact, amount, NULL::VARCHAR AS word, 'final_accounts/' || file_id || '/' || row_no AS source
FROM final_accounts WHERE item = 'adjustment_fund'
