-- What is left on an income account at the end of the month ↔ nothing (Zz-4.2: 月末无余额), account by account.
SELECT
  'left' AS side, fund, coalesce(unit, city_code) AS county, account_no AS item_key, month_end AS day,
  closing_balance AS amount, file_id, line_id, row_no
FROM account_balances, context
WHERE kind = 'income'
