-- Facts of subsidies called in two parts: the share the city decided for the year, what each county paid last year, what is settled for
-- this one by its budget, and what has arrived before the quarter began.
WITH paid AS (
  SELECT receipts.*
  FROM subsidy_receipts__done AS receipts, context
  WHERE receipts.fund = 'resident' AND receipts.payer_level = 'county' AND receipts.budget_year = context.period_year
    AND receipts.arrived_date < context.period_start
)
SELECT 'resident' AS fund, '' AS county, 'share' AS fact, CAST(share * 100 AS DECIMAL(18, 2)) AS amount, NULL::VARCHAR AS word,
  'annual_parameters/' || file_id || '/' || row_no AS source
FROM annual_parameters WHERE parameter = 'subsidy_advance_share'
UNION ALL
SELECT fund, '', 'upper', amount, NULL, 'subsidy_receipts/' || file_id || '/' || row_no
FROM subsidy_receipts__done AS receipts, context
WHERE payer_level IN ('central', 'province') AND arrived_date BETWEEN context.period_start AND context.period_end
UNION ALL
SELECT items.fund, items.county, 'last_year', items.amount, NULL, items.source
FROM year_items AS items, context
WHERE items.item = 'subsidy' AND items.year = context.period_year - 1 AND items.county <> context.city_code
UNION ALL
SELECT fund, county, 'settled', amount, NULL, 'annual_budget/' || file_id || '/' || row_no
FROM annual_budget, context WHERE item = 'subsidy' AND county <> context.city_code
UNION ALL
SELECT fund, county, 'paid', amount, NULL, 'subsidy_receipts/' || file_id || '/' || row_no FROM paid
