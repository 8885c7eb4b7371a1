-- Facts of the quarterly income transfer: interest and other income of each county's accounts in the quarter.
SELECT
  fund, county, 'agency_interest' AS fact, account_interest AS amount, NULL::VARCHAR AS word, row_id AS source
FROM done_monthly_settlement AS months
JOIN context ON CAST(months.month || '-01' AS DATE) BETWEEN context.period_start AND context.period_end
WHERE account_interest <> 0
UNION ALL
SELECT
  income.fund, income.county,
  CASE WHEN accounts.kind = 'expenditure' THEN 'agency_other' WHEN income.income_kind = 'interest' THEN 'fiscal_interest' ELSE 'fiscal_transfer' END,
  income.amount, NULL, 'other_income/' || income.file_id || '/' || income.row_no
FROM other_income__done AS income
JOIN accounts ON accounts.number = income.account_no AND accounts.county IS NOT NULL
JOIN context ON income.received_date BETWEEN context.period_start AND context.period_end
WHERE NOT (accounts.kind = 'expenditure' AND income.income_kind = 'interest')
