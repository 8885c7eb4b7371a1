-- Facts of the revolving fund: what was spent in the closed months of the year before, or in all of it by its final accounts.
WITH spent AS (
  SELECT year_items.* FROM year_items, context WHERE item = 'expenditure' AND year = period_year - 1 AND county <> city_code
),
closed AS (SELECT count(*) AS n FROM done_periods, context WHERE kind = 'month' AND year = period_year - 1)
SELECT fund, county, 'payments' AS fact, amount, NULL::VARCHAR AS word, source FROM spent
UNION ALL
SELECT DISTINCT fund, county, 'months', CAST(CASE n WHEN 0 THEN 12 ELSE n END AS DECIMAL(18, 2)), NULL, 'done_periods' FROM spent, closed
