-- Facts of the funding plan's review: plan and cash as the county wrote them, what the year's budget leaves, the average of the closed
-- months of the year, and what a person has decided.
WITH spent AS (
  SELECT done.fund, done.county, done.month, done.expenditure, done.row_id
  FROM done_monthly_settlement AS done, context
  WHERE left(done.month, 4) = left(context.month, 4) AND done.month < context.month
  UNION ALL
  SELECT
    fund, county, context.month, sum(amount),
    'monthly_settlement/' || context.city || '/' || context.month || '/' || fund || '/' || county
  FROM settlement_rows, context WHERE column_name = 'expenditure' GROUP BY ALL
),
months AS (SELECT fund, county, count(DISTINCT month) AS n FROM spent GROUP BY ALL),
-- A plan for January is of the next year's budget, which nothing has been spent of.
budget AS (
  SELECT fund, county, amount, 'annual_budget/' || file_id || '/' || row_no AS source
  FROM annual_budget SEMI JOIN funding_plan USING (fund, county)
  WHERE item IN ('benefits', 'critical_illness') AND (SELECT month(month_start) FROM context) < 12
),
-- A person's word counts for what the county plans; what was ordered with an earlier run, as long as it has sent no other plan.
decided AS (
  SELECT decisions.*, sent.planned_amount IS NULL AS gone, sent.planned_amount <> decisions.plan AS sent_again
  FROM plan_decisions AS decisions
  LEFT JOIN funding_plan AS sent ON sent.fund = decisions.fund AND sent.county = decisions.county
  WHERE sent.planned_amount IS NOT NULL OR decisions.plan IS NOT NULL
)
SELECT fund, county, 'plan' AS fact, planned_amount AS amount, NULL::VARCHAR AS word, 'funding_plan/' || file_id || '/' || row_no AS source
FROM funding_plan
UNION ALL
SELECT fund, county, 'cash', account_balance, NULL, 'funding_plan/' || file_id || '/' || row_no FROM funding_plan
UNION ALL
SELECT fund, county, 'budget_left', amount, NULL, source FROM budget
UNION ALL
SELECT spent.fund, spent.county, 'budget_left', -expenditure, NULL, row_id
FROM spent SEMI JOIN budget ON budget.fund = spent.fund AND budget.county = spent.county
UNION ALL
SELECT fund, county, 'average', CAST(round(sum(expenditure) / any_value(n), 2) AS DECIMAL(18, 2)), NULL,
  'monthly_settlement.expenditure ' || min(month) || '~' || max(month)
FROM spent JOIN months USING (fund, county) SEMI JOIN funding_plan USING (fund, county) GROUP BY fund, county
UNION ALL
SELECT fund, county, 'approved', amount, NULL, '审核决定 ' || decided_by || '：' || reason
FROM decided WHERE gone OR plan IS NULL OR NOT sent_again
UNION ALL
SELECT fund, county, 'ordered', ordered, NULL, '审核决定 ' || decided_by || '：' || reason
FROM decided WHERE ordered IS NOT NULL AND (gone OR plan IS NULL OR NOT sent_again)
UNION ALL
-- A plan that was ordered and is not there any more: what was paid of it stays paid.
SELECT fund, county, 'plan', plan, NULL, '审核决定 ' || decided_by || '：' || reason FROM decided WHERE gone
UNION ALL
-- What was advanced as revolving fund is no money for the month.
SELECT transfers.fund, transfers.county, 'revolving',
  CASE transfers.receiver WHEN 'county_agency' THEN transfers.amount ELSE -transfers.amount END, NULL, transfers.row_id
FROM done_transfers AS transfers
JOIN rule_kinds ON rule_kinds.rule_id = transfers.rule_id AND rule_kinds.kind IN ('revolving_advance', 'revolving_recovery')
JOIN context ON left(transfers.month, 4) = left(context.month, 4)
JOIN (SELECT DISTINCT fund, county FROM funding_plan) AS planned
  ON planned.fund = transfers.fund AND planned.county = transfers.county
WHERE transfers.receiver = 'county_agency' OR transfers.payer = 'county_agency'
UNION ALL
SELECT balances.fund, '', 'fiscal_balance', balances.closing_balance, NULL, 'account_statement/' || file_id || '/' || row_no
FROM account_balances AS balances
WHERE balances.kind = 'fiscal' AND balances.unit IS NULL AND EXISTS (FROM funding_plan)
