-- Facts of premiums collected in the year before for this one: as the final accounts of that year list them.
SELECT fund, county, 'collected' AS fact, amount, NULL::VARCHAR AS word, 'final_accounts/' || file_id || '/' || row_no AS source
FROM final_accounts WHERE item = 'prepaid_premium'
