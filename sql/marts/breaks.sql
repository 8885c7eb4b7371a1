-- Every difference, with class, owner, the two amounts, the file rows to look at, and what to do.
SELECT
  'breaks/' || context.city || '/' || context.month || '/' || found.pair || '/' || found.fund || '/' || found.county || '/'
    || CASE WHEN found.item_key = '' THEN 'sum' ELSE found.item_key END AS row_id,
  context.city, context.month, found.pair, pairs.title AS pair_title, found.class, classes.title AS class_title,
  owners.owner, owners.title AS owner_title, found.fund, found.county,
  coalesce(counties.name, context.city_name) AS county_name, found.item_key, found.left_amount, found.right_amount,
  found.difference, left_file.file_name AS left_file, found.left_row, right_file.file_name AS right_file,
  found.right_row, classes.do_zh, classes.do_en
FROM classified_breaks AS found
JOIN pairs ON pairs.pair = found.pair
JOIN break_classes AS classes ON classes.class = found.class
JOIN owners ON owners.owner = coalesce(classes.owner, found.lacking_owner)
LEFT JOIN counties ON counties.code = found.county
LEFT JOIN files AS left_file ON left_file.file_id = found.left_file_id
LEFT JOIN files AS right_file ON right_file.file_id = found.right_file_id
CROSS JOIN context
