-- Facts of the quarterly subsidy: the year's amount by its budget, what had arrived for earlier quarters when this one began, and the
-- provincial grant. What arrived for the quarter itself is not taken off: the whole quarter is called, and compared with what came.
WITH arrived AS (
  SELECT receipts.*
  FROM subsidy_receipts__done AS receipts, context
  WHERE receipts.budget_year = context.period_year AND receipts.arrived_date <= context.period_end
)
SELECT fund, county, 'year_amount' AS fact, amount, NULL::VARCHAR AS word, 'annual_budget/' || file_id || '/' || row_no AS source
FROM annual_budget WHERE item = 'subsidy' AND county <> (SELECT city_code FROM context)
UNION ALL
SELECT fund, county, 'paid_' || instalment, amount, NULL, 'subsidy_receipts/' || file_id || '/' || row_no
FROM arrived, context
WHERE payer_level = 'county' AND instalment < 'q' || quarter(context.period_end) AND instalment IN ('q1', 'q2', 'q3')
  AND arrived_date < context.period_start
UNION ALL
SELECT fund, county, 'provincial_grant', amount, NULL, 'subsidy_receipts/' || file_id || '/' || row_no
FROM arrived, context WHERE payer_level IN ('province', 'central') AND county <> context.city_code
UNION ALL
-- Settled at nothing where no grant came: the fourth quarter must know.
SELECT DISTINCT annual_budget.fund, annual_budget.county, 'provincial_grant', CAST(0 AS DECIMAL(18, 2)), NULL, 'subsidy_receipts'
FROM annual_budget, context
WHERE item = 'subsidy' AND annual_budget.county <> context.city_code AND month(context.period_end) >= 9
