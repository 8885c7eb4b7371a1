-- Facts of the reserve by one ratio: the city's expenditure of the year before, what the reserve holds, what the counties keep.
SELECT fund, '' AS county, 'expenditure' AS fact, amount, NULL::VARCHAR AS word, source
FROM year_items, context WHERE item = 'expenditure' AND year = period_year - 1
UNION ALL
SELECT fund, '', 'reserve', amount, NULL, source FROM positions WHERE role = 'reserve'
UNION ALL
SELECT fund, '', 'adjustment_fund', amount, NULL, 'final_accounts/' || file_id || '/' || row_no
FROM final_accounts, context WHERE item = 'adjustment_fund' AND period_year = year(in_force_from)
UNION ALL
SELECT fund, county, 'balance', amount, NULL, source FROM positions WHERE role = 'county_balance'
