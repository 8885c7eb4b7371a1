-- Expenditure of each county by fund and item, in yuan, as its report says.
SELECT
  'county_expenditure/' || context.city || '/' || context.month || '/' || report.fund || '/' || report.county || '/' || report.item AS row_id,
  context.city, context.month, report.fund, funds.name AS fund_name, report.county, counties.name AS county_name,
  report.item, items.name AS item_name, coalesce(report.person_times, 0) AS person_times,
  CAST(coalesce(report.total_cost, 0) AS DECIMAL(18, 2)) AS total_cost,
  CAST(coalesce(report.amount, 0) AS DECIMAL(18, 2)) AS fund_payment
FROM county_expenditure_report AS report
JOIN funds ON funds.fund = report.fund
JOIN counties ON counties.code = report.county
JOIN report_items AS items ON items.item = report.item
CROSS JOIN context
WHERE report.item NOT IN ('total', 'opening_balance', 'received', 'interest', 'paid', 'closing_balance')
