-- Every pair by fund and county: what both sides have of the month, what earlier months left open, their difference, how much of
-- it is expected or decided, and how much is not. It agrees when nothing is open.
SELECT
  'reconciliations/' || context.city || '/' || context.month || '/' || totals.pair || '/' || totals.fund || '/' || totals.county AS row_id,
  context.city, context.month, totals.pair, pairs.title AS pair_title, pairs.clause, totals.fund, totals.county,
  coalesce(counties.name, context.city_name) AS county_name,
  pairs.left_title, totals.left_total, pairs.right_title, totals.right_total, totals.brought_forward, totals.difference,
  totals.expected_difference, CAST(totals.difference - totals.expected_difference AS DECIMAL(18, 2)) AS open_difference,
  totals.item_count, totals.break_count, totals.open_count, totals.open_count = 0 AS agrees
FROM pair_totals AS totals
JOIN pairs ON pairs.pair = totals.pair
LEFT JOIN counties ON counties.code = totals.county
CROSS JOIN context
