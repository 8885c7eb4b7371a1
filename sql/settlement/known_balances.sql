-- What bank accounts brought forward, as their statements say; a county's expenditure account without one, as its report says.
-- `kind` is the account's; `books` whose it is.
WITH banks AS (
  SELECT kind, fund, coalesce(unit, city_code) AS books, sum(opening_balance) AS amount
  FROM account_balances, context
  WHERE kind IN ('fiscal', 'income', 'expenditure')
  GROUP BY ALL
)
SELECT kind, fund, books, CAST(amount AS DECIMAL(18, 2)) AS amount FROM banks
UNION ALL
SELECT 'expenditure', report.fund, report.county, CAST(report.amount AS DECIMAL(18, 2))
FROM county_expenditure_report AS report
ANTI JOIN banks ON banks.kind = 'expenditure' AND banks.fund = report.fund AND banks.books = report.county
WHERE report.item = 'opening_balance'
