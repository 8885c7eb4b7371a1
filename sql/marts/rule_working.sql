-- What a rule went through to reach its transfers, line by line in the notice's order.
SELECT
  context.city, context.month, working.rule_id, working.fund, working.county, counties.name AS county_name,
  working.position, working.step, working.zh AS step_zh, working.en AS step_en, working.value, working.unit, working.clause
FROM working
LEFT JOIN counties ON counties.code = working.county
CROSS JOIN context
