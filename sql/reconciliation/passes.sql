-- How much of the pair at hand each pass matched.
SELECT this_pair.pair, fund, county, pass, CAST(sum(items) AS BIGINT) AS items, CAST(sum(amount) AS DECIMAL(18, 2)) AS amount
FROM (
  SELECT
    fund, county,
    CASE WHEN older THEN 'carried_over' WHEN item_id = '' THEN 'sum' ELSE 'exact_key' END AS pass,
    count(*) AS items, sum(left_amount) AS amount
  FROM item_sums
  WHERE difference = 0
  GROUP BY ALL
  UNION ALL
  SELECT fund, county, 'batch', left_items, amount FROM batch_matches
  UNION ALL
  SELECT pairs.fund, pairs.county, 'same_amount', 1, items.left_amount
  FROM amount_pairs AS pairs
  JOIN item_sums AS items ON items.fund = pairs.fund AND items.county = pairs.county AND items.item_id = pairs.left_item
  UNION ALL
  SELECT pairs.fund, pairs.county, 'opposite', 1, items.difference
  FROM opposite_pairs AS pairs
  JOIN item_sums AS items ON items.fund = pairs.fund AND items.county = pairs.county AND items.item_id = pairs.left_item
) AS passes
CROSS JOIN this_pair
GROUP BY ALL
