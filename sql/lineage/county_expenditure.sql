-- The line of a county's report behind each amount.
SELECT
  'county_expenditure/' || context.city || '/' || context.month || '/' || fund || '/' || county || '/' || item AS row_id,
  unnest(['total_cost', 'fund_payment']) AS column_name, unnest([total_cost, amount]) AS amount, file_id, line_id, row_no
FROM county_expenditure_report, context
WHERE item NOT IN ('total', 'opening_balance', 'received', 'interest', 'paid', 'closing_balance')
