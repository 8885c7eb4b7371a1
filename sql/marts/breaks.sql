-- Every difference, with class, owner, age, what it means for the gate, what a person said of it, the file rows to look at, and
-- what to do. The two amounts are those of the item; `difference` is the share of theirs that is this break.
SELECT
  'breaks/' || context.city || '/' || context.month || '/' || found.break_id AS row_id,
  found.break_id, context.city, context.month, found.origin AS origin_month, found.since, found.age_days, found.pair,
  pairs.title AS pair_title, found.class, classes.title AS class_title, owners.owner, owners.title AS owner_title, found.gate,
  found.state, found.decided_by, found.decision_note, found.fund, found.county,
  coalesce(counties.name, context.city_name) AS county_name, found.item_key, found.left_amount, found.right_amount,
  found.difference, left_file.file_name AS left_file, found.left_row, right_file.file_name AS right_file,
  found.right_row, classes.do_zh, classes.do_en
FROM classified_breaks AS found
JOIN pairs ON pairs.pair = found.pair
JOIN break_classes AS classes ON classes.class = found.class
JOIN owners ON owners.owner = found.owner
LEFT JOIN counties ON counties.code = found.county
LEFT JOIN files AS left_file ON left_file.file_id = found.left_file_id
LEFT JOIN files AS right_file ON right_file.file_id = found.right_file_id
CROSS JOIN context
