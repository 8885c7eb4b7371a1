-- Facts of the reserve's top-up: the city's expenditure of the year just closed, what the reserve holds, and of each county its deficit
-- of that year, its enrolment at its end, and what it keeps.
WITH results AS (
  SELECT fund, county, sum(CASE item WHEN 'expenditure' THEN -amount ELSE amount END) AS result
  FROM year_items, context WHERE year = period_year - 1 AND county <> city_code GROUP BY fund, county
),
newest AS (
  SELECT max(done_in) AS done_in FROM enrolment__done, context WHERE of_year = period_year - 1
)
SELECT fund, '' AS county, 'expenditure' AS fact, amount, NULL::VARCHAR AS word, source
FROM year_items, context WHERE item = 'expenditure' AND year = period_year - 1
UNION ALL
SELECT fund, '', 'reserve', amount, NULL, source FROM positions WHERE role = 'reserve'
UNION ALL
SELECT fund, county, 'deficit', CAST(-result AS DECIMAL(18, 2)), NULL, '收支结余 ' || (period_year - 1)
FROM results, context WHERE result < 0
UNION ALL
SELECT fund, coalesce(heirs.heir, enrolment.county), 'enrolment', CAST(insured AS DECIMAL(18, 2)), NULL, 'enrolment/' || file_id || '/' || row_no
FROM enrolment__done AS enrolment
JOIN newest USING (done_in)
LEFT JOIN successors AS heirs ON heirs.code = enrolment.county
UNION ALL
SELECT fund, county, 'balance', amount, NULL, source FROM positions WHERE role = 'county_balance'
