-- The breaks of the pair at hand with the name each keeps for life, whose it is, what it means for the gate, and what a person
-- has decided of it. A decision holds for the amount it was made for.
WITH named AS (
  SELECT
    parts.*,
    left(sha256(concat_ws('/', context.city, this_pair.pair, fund, county, break_item, origin, part)), 16) AS break_id
  FROM break_parts AS parts
  CROSS JOIN this_pair
  CROSS JOIN context
  WHERE difference <> 0
)
SELECT
  this_pair.pair,
  named.fund,
  named.county,
  named.break_item AS item_key,
  named.class,
  named.part,
  CASE
    -- Of accounts: a county looks after its own, the city agency after the city's.
    WHEN this_pair.scope = 'each' AND named.county <> context.city_code THEN 'county'
    WHEN this_pair.scope = 'each' AND coalesce(classes.owner, named.lacking_owner) = 'county' THEN 'agency'
    WHEN classes.owner IS NOT NULL THEN classes.owner
    WHEN classes.whose = 'lacking' THEN named.lacking_owner
    WHEN named.difference > 0 THEN this_pair.left_owner
    ELSE this_pair.right_owner
  END AS owner,
  named.break_id,
  named.origin,
  named.day AS since,
  datediff('day', named.day, context.month_end) AS age_days,
  coalesce(
    gates.gate,
    CASE WHEN named.origin < context.month THEN classes.later ELSE classes.gate END
  ) AS gate,
  CASE WHEN decisions.amount = named.difference THEN decisions.state ELSE 'open' END AS state,
  CASE WHEN decisions.amount = named.difference THEN decisions.decided_by END AS decided_by,
  CASE WHEN decisions.amount = named.difference THEN decisions.note END AS decision_note,
  classes.carried AND this_pair.carries AS carries,
  named.numbered,
  named.batch,
  named.left_rows,
  named.right_rows,
  named.item_ids,
  named.left_amount,
  named.right_amount,
  named.difference,
  named.left_place.file_id AS left_file_id,
  named.left_place.row_no AS left_row,
  named.right_place.file_id AS right_file_id,
  named.right_place.row_no AS right_row
FROM named
CROSS JOIN this_pair
CROSS JOIN context
JOIN break_classes AS classes ON classes.class = named.class
LEFT JOIN pair_gates AS gates ON gates.pair = this_pair.pair AND gates.class = named.class
LEFT JOIN decisions ON decisions.break_id = named.break_id
