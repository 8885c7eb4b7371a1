-- What every account and every county report carries forward: next month must bring it forward.
SELECT
  account_no AS item_key, fund, coalesce(unit, city_code) AS county, closing_balance AS amount,
  '期末余额 ' || context.month || ' ' || account_no AS brought_from
FROM account_balances, context
UNION ALL
SELECT 'report', fund, county, amount, '期末余额 ' || context.month || ' ' || county
FROM county_expenditure_report, context
WHERE item = 'closing_balance'
