-- Pass 3, same amount within a date window: items one side has alone, where one of the two has no number the other could know.
-- Only what is unique both ways is matched; where as many stand on one side as on the other, they are matched in order.
-- What earlier months left open has no window: it has waited long enough.
WITH alone AS (
  SELECT
    fund, county, item_id, numbered, day, difference, origin < context.month AS old, right_rows = 0 AS is_left,
    abs(difference) AS size
  FROM open_items, context
  WHERE (left_rows = 0 OR right_rows = 0) AND item_id <> '' AND NOT outside
    -- What the tax list says is not booked yet is no booking of this month.
    AND left_hint IS DISTINCT FROM 'in_transit'
),
crowds AS (
  SELECT fund, county, size
  FROM alone
  GROUP BY fund, county, size
  HAVING count(*) FILTER (WHERE is_left) > 0 AND count(*) FILTER (WHERE NOT is_left) > 0
    -- Beyond this nobody could say which belongs to which.
    AND count(*) FILTER (WHERE is_left) * count(*) FILTER (WHERE NOT is_left) <= 10000
),
edges AS (
  SELECT
    one.fund, one.county, one.size, one.item_id AS left_item, other.item_id AS right_item
  FROM alone AS one
  JOIN crowds USING (fund, county, size)
  JOIN alone AS other ON other.fund = one.fund AND other.county = one.county AND other.difference = -one.difference
  CROSS JOIN this_pair
  WHERE one.is_left AND NOT other.is_left
    AND (this_pair.own_numbers OR NOT one.numbered OR NOT other.numbered)
    AND (one.old OR other.old OR abs(datediff('day', one.day, other.day)) <= this_pair.within_days)
),
sole AS (
  SELECT *
  FROM edges
  QUALIFY count(*) OVER (PARTITION BY fund, county, left_item) = 1
    AND count(*) OVER (PARTITION BY fund, county, right_item) = 1
),
waiting AS (
  SELECT
    alone.*,
    row_number() OVER (PARTITION BY alone.fund, alone.county, difference, is_left ORDER BY day, alone.item_id) AS place,
    count(*) OVER (PARTITION BY alone.fund, alone.county, size) AS all_of_them,
    count(*) OVER (PARTITION BY alone.fund, alone.county, difference, is_left) AS of_its_side
  FROM alone
  JOIN crowds USING (fund, county, size)
  ANTI JOIN (
    SELECT fund, county, left_item AS item_id FROM sole UNION ALL SELECT fund, county, right_item FROM sole
  ) AS taken ON taken.fund = alone.fund AND taken.county = alone.county AND taken.item_id = alone.item_id
),
in_order AS (
  SELECT one.fund, one.county, one.size, one.item_id AS left_item, other.item_id AS right_item
  FROM waiting AS one
  JOIN waiting AS other ON other.fund = one.fund AND other.county = one.county AND other.difference = -one.difference
    AND other.place = one.place
  WHERE one.is_left AND NOT other.is_left AND one.of_its_side = other.of_its_side
    AND one.all_of_them = one.of_its_side + other.of_its_side
),
whole AS (
  SELECT in_order.*
  FROM in_order
  LEFT JOIN edges USING (fund, county, left_item, right_item)
  QUALIFY bool_and(edges.left_item IS NOT NULL) OVER (PARTITION BY in_order.fund, in_order.county, in_order.size)
)
SELECT fund, county, left_item, right_item FROM sole
UNION ALL
SELECT fund, county, left_item, right_item FROM whole
