-- The facts a rule was computed with: a line for each thing a figure is made of.
SELECT
  context.city, context.month, facts.rule_id, facts.fund, facts.county, counties.name AS county_name, facts.fact,
  facts.amount AS fact_amount, facts.word AS fact_word, facts.source AS fact_source
FROM facts
LEFT JOIN counties ON counties.code = facts.county
CROSS JOIN context
