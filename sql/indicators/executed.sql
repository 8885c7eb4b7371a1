-- What was executed of each item of the budget: in the year so far, and before this run. Revenue comes from year_items, so that
-- premiums are of the year they are for; expenditure from the counties' reports, which tell its items apart.
WITH lines AS (
  SELECT fund, county, item, amount AS to_date, CAST(0 AS DECIMAL(18, 2)) AS before
  FROM year_items, context WHERE year = period_year AND item <> 'expenditure'
  UNION ALL
  SELECT fund, county, item, CAST(0 AS DECIMAL(18, 2)), amount
  FROM items_before, context WHERE year = period_year AND item <> 'expenditure'
  UNION ALL
  SELECT
    fund, county, CASE item WHEN 'critical_illness' THEN item ELSE 'benefits' END, fund_payment,
    CASE spent.month WHEN context.month THEN CAST(0 AS DECIMAL(18, 2)) ELSE fund_payment END
  FROM done_county_expenditure AS spent, context WHERE CAST(left(spent.month, 4) AS BIGINT) = period_year
)
SELECT
  fund, coalesce(heirs.heir, nullif(lines.county, ''), city_code) AS county, item,
  CAST(sum(to_date) AS DECIMAL(18, 2)) AS to_date, CAST(sum(to_date) - sum(before) AS DECIMAL(18, 2)) AS this_month
FROM lines
LEFT JOIN successors AS heirs ON heirs.code = lines.county
CROSS JOIN context
GROUP BY ALL
