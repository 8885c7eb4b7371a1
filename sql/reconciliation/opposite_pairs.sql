-- Pass 4, refund and correction pairs: of what one side has alone, a payment and its return cancel each other, where each is
-- the only one of its amount, or as many came back as went.
WITH alone AS (
  SELECT
    open_items.fund, open_items.county, open_items.item_id, open_items.day, difference, right_rows = 0 AS is_left,
    numbered, batch, outside,
    origin < context.month AS old,
    row_number() OVER (PARTITION BY open_items.fund, open_items.county, right_rows = 0, outside, numbered, difference ORDER BY day, item_id) AS place,
    count(*) OVER (PARTITION BY open_items.fund, open_items.county, right_rows = 0, outside, numbered, difference) AS of_them
  FROM open_items
  CROSS JOIN context
  ANTI JOIN (
    SELECT fund, county, left_item AS item_id FROM amount_pairs UNION ALL SELECT fund, county, right_item FROM amount_pairs
  ) AS matched ON matched.fund = open_items.fund AND matched.county = open_items.county AND matched.item_id = open_items.item_id
  WHERE (left_rows = 0 OR right_rows = 0) AND open_items.item_id <> ''
)
SELECT
  went.fund, went.county, went.item_id AS left_item, came.item_id AS right_item
FROM alone AS went
JOIN alone AS came ON came.fund = went.fund AND came.county = went.county AND came.is_left = went.is_left
  AND came.outside = went.outside AND came.numbered = went.numbered
  AND came.difference = -went.difference AND came.place = went.place AND came.of_them = went.of_them
CROSS JOIN this_pair
WHERE went.difference > 0
  -- Two numbers are two things, unless both name the same account on both sides.
  AND (NOT went.numbered OR went.batch = came.batch)
  AND (went.old OR came.old OR abs(datediff('day', went.day, came.day)) <= this_pair.within_days)
