-- The figures a county is assessed by, and in the clearing what the assessment found beside them.
SELECT
  context.city, context.month, found.fund, funds.name AS fund_name, found.county, counties.name AS county_name,
  found.premium_budget, found.premium_due, found.premium_collected, found.collection_percent, found.expenditure_budget,
  found.expenditure_executed, found.expenditure_percent, found.time_percent, found.insured, found.paying,
  found.insured_before, found.enrolment_percent, found.recovered, found.under_collection, found.over_spending, found.grade,
  found.assessed_under_collection, found.assessed_over_spending, found.months_settled, context.figures
FROM assessment_rows AS found
JOIN funds ON funds.fund = found.fund
JOIN counties ON counties.code = found.county
CROSS JOIN context
