-- Facts of the first reserve: each county's own expenditure of the year before, and what it keeps.
SELECT fund, county, 'expenditure' AS fact, amount, NULL::VARCHAR AS word, source
FROM year_items, context WHERE item = 'expenditure' AND year = period_year - 1 AND county <> city_code
UNION ALL
SELECT fund, county, 'balance', amount, NULL, source FROM positions WHERE role = 'county_balance'
