-- What the pooled part of each county's fund spent: in the published months of the twelve that end with the period (an opening: with the
-- year before), and by the final accounts of the year before, which do not tell personal accounts apart.
WITH span AS (
  SELECT CAST(date_trunc('month', CASE period_kind WHEN 'opening' THEN period_start - INTERVAL 1 DAY ELSE period_end END) AS DATE) AS last
  FROM context
)
SELECT
  fund, coalesce(heirs.heir, spent.county) AS county, 'published_months' AS base,
  CAST(sum(fund_payment) AS DECIMAL(18, 2)) AS amount, count(DISTINCT spent.month) AS months
FROM done_county_expenditure AS spent
JOIN span ON CAST(spent.month || '-01' AS DATE) BETWEEN span.last - INTERVAL 11 MONTH AND span.last
LEFT JOIN successors AS heirs ON heirs.code = spent.county
WHERE item <> 'personal_account'
GROUP BY ALL
UNION ALL
SELECT fund, county, 'final_accounts', CAST(sum(amount) AS DECIMAL(18, 2)), 12
FROM year_items, context
WHERE item = 'expenditure' AND year = period_year - 1 AND source LIKE 'final_accounts/%'
GROUP BY ALL
