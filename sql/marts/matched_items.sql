-- What was matched otherwise than by number and amount in the same month, one by one, with the rows on both sides.
SELECT
  context.city, context.month, found.pair, pairs.title AS pair_title, found.pass, titles.title AS pass_title, found.fund,
  found.county, coalesce(counties.name, context.city_name) AS county_name, found.origin AS origin_month,
  found.left_item, found.right_item, found.amount AS matched_amount,
  left_file.file_name AS left_file, found.left_row, right_file.file_name AS right_file, found.right_row
FROM matched_items AS found
JOIN pairs ON pairs.pair = found.pair
JOIN pass_titles AS titles ON titles.pass = found.pass
LEFT JOIN counties ON counties.code = found.county
LEFT JOIN files AS left_file ON left_file.file_id = found.left_file_id
LEFT JOIN files AS right_file ON right_file.file_id = found.right_file_id
CROSS JOIN context
