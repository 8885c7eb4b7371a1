-- Statements: brought forward + in − out ↔ carried forward, account by account. A statement that fails it within itself is
-- rejected by its checks before; here the same is proven for the month.
SELECT
  'left' AS side, fund, coalesce(unit, city_code) AS county, account_no AS item_key, opening_balance AS amount, file_id,
  line_id, row_no
FROM account_balances, context
UNION ALL BY NAME
SELECT
  'left' AS side, fund, coalesce(own_county, city_code) AS county, account_no AS item_key, net AS amount, file_id, line_id,
  row_no
FROM account_movements, context
UNION ALL BY NAME
SELECT
  'right' AS side, fund, coalesce(unit, city_code) AS county, account_no AS item_key, closing_balance AS amount, file_id,
  line_id, row_no
FROM account_balances, context
