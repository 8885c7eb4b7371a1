-- 指令与执行: what rules instructed for the period beside what was executed in it, per fund, county and flow.
SELECT
  context.city, context.month, said.fund, funds.name AS fund_name, said.county,
  coalesce(counties.name, context.city_name) AS county_name, said.flow, said.title AS flow_title,
  said.instructed AS instructed_amount, said.executed AS executed_amount, said.difference AS gap_amount
FROM compared_rows AS said
JOIN funds ON funds.fund = said.fund
LEFT JOIN counties ON counties.code = said.county
CROSS JOIN context
