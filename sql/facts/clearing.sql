-- Facts of the annual clearing: the pot, and of each county the year's result, its assessment, its own balance, the base year of that
-- balance, its financing of the year, and whether the year before ended in a deficit too.
WITH of_year AS (SELECT year_items.* FROM year_items, context WHERE year = period_year AND county <> city_code),
base AS (SELECT year(min(audited_date)) AS year FROM legacy_balances)
SELECT fund, '' AS county, 'pot' AS fact, amount, NULL::VARCHAR AS word, source
FROM positions JOIN clearing_pot ON clearing_pot.pot = positions.role
UNION ALL
SELECT fund, '', 'pot', CAST(0 AS DECIMAL(18, 2)), NULL, 'positions' FROM funds
UNION ALL
-- Where surpluses are neither given back nor moved, they stay in the pool: those of earlier years are there to pay with, and by the
-- reading those of the year itself.
SELECT fund, '', 'pot', CAST(sum(CASE item WHEN 'expenditure' THEN -amount ELSE amount END) AS DECIMAL(18, 2)), NULL,
  '收支结余 ' || year || ' ' || county
FROM year_items, context, clearing_pot
WHERE year >= year(in_force_from)
  AND (year < period_year OR year = period_year AND 'counted' IN (SELECT value FROM readings WHERE name = 'year_surplus_in_pool'))
  AND clearing_pot.keeps_surpluses = 'True' AND county <> city_code
GROUP BY fund, county, year HAVING sum(CASE item WHEN 'expenditure' THEN -amount ELSE amount END) > 0
UNION ALL
SELECT fund, county, 'result', CASE item WHEN 'expenditure' THEN -amount ELSE amount END, NULL, source FROM of_year
UNION ALL
SELECT fund, county, unnest(['under_collection', 'over_spending']), unnest([under_collection, over_spending]), NULL, 'assessment/' || file_id || '/' || row_no
FROM assessment
UNION ALL
SELECT fund, county, 'grade', NULL, grade, 'assessment/' || file_id || '/' || row_no FROM assessment
UNION ALL
SELECT fund, county, 'balance', amount, NULL, source FROM positions WHERE role = 'county_balance'
UNION ALL
SELECT fund, county, 'base_expenditure', amount, NULL, source
FROM year_items JOIN base USING (year) WHERE item = 'expenditure' AND county <> (SELECT city_code FROM context)
UNION ALL
SELECT fund, county, 'financing', amount, NULL, source FROM of_year WHERE item IN ('premium', 'subsidy')
UNION ALL
SELECT fund, county, 'deficit_before', NULL, 'true', '收支结余 ' || (period_year - 1)
FROM year_items, context WHERE year = period_year - 1 AND county <> city_code
GROUP BY fund, county, period_year HAVING sum(CASE item WHEN 'expenditure' THEN -amount ELSE amount END) < 0
