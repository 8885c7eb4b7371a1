-- Every pair by fund and county: both totals, their difference, and how many items differ. It agrees only without breaks.
SELECT
  'reconciliations/' || context.city || '/' || context.month || '/' || totals.pair || '/' || totals.fund || '/' || totals.county AS row_id,
  context.city, context.month, totals.pair, pairs.title AS pair_title, pairs.clause, totals.fund, totals.county,
  coalesce(counties.name, context.city_name) AS county_name,
  pairs.left_title, totals.left_total, pairs.right_title, totals.right_total, totals.difference,
  totals.item_count, totals.break_count, totals.break_count = 0 AS agrees
FROM pair_totals AS totals
JOIN pairs ON pairs.pair = totals.pair
LEFT JOIN counties ON counties.code = totals.county
CROSS JOIN context
