-- What a fund holds: reserve, pool and each county's own balance with what this period orders, and what its accounts held at the end
-- of the newest month, deposits placed by tender added. Accounts count only where that month's statements of the city's own fiscal
-- accounts came.
WITH told AS (
  SELECT account_no, done_in, min(closing_balance) AS closing FROM account_statement__done, context
  WHERE done_in <= strftime(CASE period_kind WHEN 'opening' THEN period_start - INTERVAL 1 DAY ELSE period_end END, '%Y-%m')
  GROUP BY account_no, done_in
),
newest AS (SELECT max(done_in) AS done_in FROM told),
-- A county's account on which nothing moves sends no statement: it holds what its newest one says.
statements AS (SELECT account_no, arg_max(closing, done_in) AS closing, max(done_in) AS done_in FROM told GROUP BY account_no),
lacking AS (
  SELECT DISTINCT fund FROM accounts
  ANTI JOIN (FROM statements SEMI JOIN newest USING (done_in)) AS current ON current.account_no = accounts.number
  WHERE kind = 'fiscal' AND county IS NULL AND within IS NULL
),
banked AS (
  SELECT fund, closing AS amount FROM statements JOIN accounts ON accounts.number = statements.account_no WHERE fund IS NOT NULL
  UNION ALL
  SELECT fund, principal FROM deposits__done SEMI JOIN newest USING (done_in)
  WHERE maturity_date > last_day(CAST(done_in || '-01' AS DATE)) AND start_date <= last_day(CAST(done_in || '-01' AS DATE))
)
SELECT CASE role WHEN 'county_balance' THEN 'county' ELSE role END AS held, fund, county, CAST(sum(amount) AS DECIMAL(18, 2)) AS amount
FROM positions GROUP BY ALL
UNION ALL
SELECT 'bank', fund, '', CAST(sum(amount) AS DECIMAL(18, 2)) FROM banked ANTI JOIN lacking USING (fund) GROUP BY fund
