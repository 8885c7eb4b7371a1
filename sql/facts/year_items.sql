-- Revenue and expenditure of each county, fund and year, line by line: what earlier runs published, and for years before the first
-- month settled what final accounts say. Premiums belong to the year they are for, not to the day they came in: what is collected
-- for a later year is taken off and counted there.
WITH settled AS (SELECT DISTINCT year FROM done_periods WHERE kind = 'month'),
lines AS (
  SELECT
    transfers.fund, transfers.county, of.year, 'premium' AS item,
    CASE WHEN receiver IN ('treasury', 'county_treasury') THEN -amount ELSE amount END AS amount, row_id AS source
  FROM done_transfers AS transfers
  JOIN done_periods AS of ON of.period = transfers.month AND of.kind = 'month'
  WHERE payer IN ('treasury', 'county_treasury', 'county_income') OR receiver IN ('treasury', 'county_treasury')
  UNION ALL
  SELECT transfers.fund, transfers.county, of.year, 'premium', amount, row_id
  FROM done_transfers AS transfers
  JOIN done_periods AS of ON of.period = transfers.month
  JOIN rule_kinds ON rule_kinds.rule_id = transfers.rule_id AND rule_kinds.kind = 'prepaid_premiums'
  UNION ALL
  SELECT
    fund, county, unnest([of_year, year(period_from)]), 'premium', unnest([-sum(paid_amount), sum(paid_amount)]),
    'tax_collection_detail/' || done_in || ' 费款所属期 ' || year(period_from)
  FROM tax_collection_detail__done
  WHERE booked_date IS NOT NULL AND year(period_from) > of_year
  GROUP BY fund, county, of_year, done_in, year(period_from)
  UNION ALL
  -- What was collected before the first month settled, where no rule orders it moved (where one does, its transfer stands above).
  SELECT fund, county, CAST(year AS BIGINT) + 1, 'premium', amount, 'final_accounts/' || file_id || '/' || row_no
  FROM (SELECT * FROM final_accounts UNION BY NAME SELECT * FROM final_accounts__done)
  WHERE item = 'prepaid_premium' AND CAST(year AS BIGINT) NOT IN (FROM settled)
    AND NOT EXISTS (FROM rule_kinds WHERE kind = 'prepaid_premiums')
  UNION ALL
  SELECT
    fund, county, budget_year, 'subsidy', amount, 'subsidy_receipts/' || file_id || '/' || row_no
  FROM subsidy_receipts__done
  UNION ALL
  SELECT fund, county, CAST(left(month, 4) AS BIGINT), 'interest', account_interest, row_id
  FROM done_monthly_settlement WHERE account_interest <> 0
  UNION ALL
  SELECT
    income.fund, income.county, of_year, income.income_kind, income.amount, 'other_income/' || file_id || '/' || row_no
  FROM other_income__done AS income
  LEFT JOIN accounts ON accounts.number = income.account_no
  -- The interest of a county's expenditure account stands in its report already.
  WHERE NOT (income.income_kind = 'interest' AND coalesce(accounts.kind, '') = 'expenditure')
  UNION ALL
  SELECT fund, county, CAST(left(month, 4) AS BIGINT), 'expenditure', expenditure, row_id
  FROM done_monthly_settlement
  UNION ALL
  SELECT
    fund, county, CAST(year AS BIGINT),
    CASE WHEN item IN ('benefits', 'critical_illness', 'transfer_out', 'other_out') THEN 'expenditure' ELSE item END,
    amount, 'final_accounts/' || file_id || '/' || row_no
  FROM (SELECT * FROM final_accounts UNION BY NAME SELECT * FROM final_accounts__done)
  WHERE item NOT IN ('balance', 'prepaid_premium', 'adjustment_fund') AND CAST(year AS BIGINT) NOT IN (FROM settled)
)
SELECT DISTINCT fund, coalesce(heirs.heir, lines.county) AS county, year, item, CAST(amount AS DECIMAL(18, 2)) AS amount, source
FROM lines
LEFT JOIN successors AS heirs ON heirs.code = lines.county
