-- The year's budget by fund, county and item; what is not split over the counties stands under the city's code.
SELECT fund, coalesce(heirs.heir, budget.county) AS county, item, CAST(sum(amount) AS DECIMAL(18, 2)) AS amount
FROM annual_budget AS budget
LEFT JOIN successors AS heirs ON heirs.code = budget.county
GROUP BY ALL
