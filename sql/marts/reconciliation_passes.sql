-- How much each pass matched, by pair, fund and county.
SELECT
  context.city, context.month, found.pair, pairs.title AS pair_title, found.fund, found.county,
  coalesce(counties.name, context.city_name) AS county_name, found.pass, titles.title AS pass_title, found.items AS item_count,
  found.amount AS matched_amount
FROM pass_totals AS found
JOIN pairs ON pairs.pair = found.pair
JOIN pass_titles AS titles ON titles.pass = found.pass
LEFT JOIN counties ON counties.code = found.county
CROSS JOIN context
