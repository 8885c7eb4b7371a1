-- What the funds are warned of, with level, figure and threshold, and who is told.
SELECT
  context.city, context.month, found.level, found.level_title, found.indicator, found.indicator_title, found.fund,
  funds.name AS fund_name, found.county, coalesce(counties.name, context.city_name) AS county_name, found.figure,
  found.threshold, found.unit, found.zh AS problem_zh, found.en AS problem_en, found.owner, owners.title AS owner_title,
  clauses.notice || ' ' || clauses.source AS clause, context.figures
FROM risk_rows AS found
JOIN funds ON funds.fund = found.fund
JOIN owners ON owners.owner = found.owner
JOIN clauses ON clauses.clause = found.clause
LEFT JOIN counties ON counties.code = found.county
CROSS JOIN context
