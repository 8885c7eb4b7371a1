-- What was matched otherwise than by the number alone, one by one, so that a person can look at it: the rows on both sides.
WITH found AS (
  SELECT 'same_amount' AS pass, fund, county, left_item, right_item FROM amount_pairs
  UNION ALL
  SELECT 'opposite', fund, county, left_item, right_item FROM opposite_pairs
  UNION ALL
  SELECT 'carried_over', fund, county, item_id, item_id FROM item_sums WHERE difference = 0 AND older
),
places AS (
  SELECT
    rows.fund, rows.county, rows.item_id, rows.side,
    min({'file_id': rows.file_id, 'line_id': rows.line_id, 'row_no': rows.row_no}) FILTER (WHERE rows.file_id IS NOT NULL)
      AS place,
    CAST(sum(rows.amount) AS DECIMAL(18, 2)) AS amount,
    min(rows.origin) AS origin
  FROM side_rows AS rows
  JOIN (
    SELECT fund, county, left_item AS item_id FROM found UNION SELECT fund, county, right_item FROM found
  ) AS wanted USING (fund, county, item_id)
  GROUP BY ALL
)
SELECT
  this_pair.pair,
  found.pass,
  found.fund,
  found.county,
  found.left_item,
  found.right_item,
  least(one.origin, other.origin) AS origin,
  coalesce(one.amount, other.amount) AS amount,
  one.place.file_id AS left_file_id,
  one.place.row_no AS left_row,
  other.place.file_id AS right_file_id,
  other.place.row_no AS right_row
FROM found
CROSS JOIN this_pair
LEFT JOIN places AS one
  ON one.fund = found.fund AND one.county = found.county AND one.item_id = found.left_item
  AND (one.side = 'left' OR found.pass = 'opposite')
LEFT JOIN places AS other
  ON other.fund = found.fund AND other.county = found.county AND other.item_id = found.right_item
  AND (other.side = 'right' OR found.pass = 'opposite')
