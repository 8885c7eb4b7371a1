-- The year's budget and what of it was executed, by fund, county (or the city) and item.
SELECT
  context.city, context.month, found.fund, funds.name AS fund_name, found.county,
  coalesce(counties.name, context.city_name) AS county_name, found.budget_side, found.budget_item, found.budget_item_name,
  found.budget, found.executed_month, found.executed, found.executed_percent, found.time_percent, found.budget_left,
  found.months_settled, context.figures
FROM budget_rows AS found
JOIN funds ON funds.fund = found.fund
LEFT JOIN counties ON counties.code = found.county
CROSS JOIN context
