-- What a rule found owed and nobody to pay: a person must act.
SELECT
  context.city, context.month, unfunded.rule_id, unfunded.fund, unfunded.county, counties.name AS county_name,
  unfunded.amount, unfunded.zh AS problem_zh, unfunded.en AS problem_en, unfunded.clause
FROM unfunded
LEFT JOIN counties ON counties.code = unfunded.county
CROSS JOIN context
