-- What an account or a county's report carried forward last month ↔ what it brings forward this month, where both are known.
WITH opening AS (
  SELECT
    account_no AS item_key, fund, coalesce(unit, city_code) AS county, opening_balance AS amount, file_id, line_id, row_no
  FROM account_balances, context
  UNION ALL
  SELECT 'report', fund, county, amount, file_id, line_id, row_no
  FROM county_expenditure_report
  WHERE item = 'opening_balance'
)
SELECT 'left' AS side, fund, county, item_key, amount, brought_from
FROM balances_before
SEMI JOIN opening USING (item_key, fund, county)
UNION ALL BY NAME
SELECT 'right' AS side, fund, county, item_key, amount, file_id, line_id, row_no
FROM opening
SEMI JOIN balances_before USING (item_key, fund, county)
