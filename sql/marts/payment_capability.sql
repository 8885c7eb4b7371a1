-- For how many months what a fund holds would last, on its pooled part.
SELECT
  context.city, context.month, found.fund, funds.name AS fund_name, found.county,
  coalesce(counties.name, context.city_name) AS county_name, found.held, found.held_title, found.balance,
  found.year_expenditure, found.base, found.base_months, found.capability_months, context.figures
FROM capability_rows AS found
JOIN funds ON funds.fund = found.fund
LEFT JOIN counties ON counties.code = found.county
CROSS JOIN context
