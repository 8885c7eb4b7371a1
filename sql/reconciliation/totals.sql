-- The pair at hand at the level its clause compares it, also where neither side has anything: what each side has of the month,
-- what earlier months left open, and the difference, in breaks that are expected or decided and breaks that are neither.
WITH scopes AS (
  SELECT this_pair.pair, unnest(this_pair.funds) AS fund, counties.code AS county
  FROM this_pair CROSS JOIN counties
  WHERE this_pair.scope IN ('county', 'each')
  UNION ALL
  SELECT this_pair.pair, unnest(this_pair.funds), context.city_code
  FROM this_pair CROSS JOIN context
  WHERE this_pair.scope IN ('city', 'each')
),
items AS (
  SELECT fund, county, sum(left_amount) AS left_amount, sum(right_amount) AS right_amount, count(*) AS items
  FROM item_sums
  GROUP BY fund, county
),
brought AS (
  SELECT
    fund, county,
    coalesce(sum(amount) FILTER (WHERE side = 'left'), 0) AS left_amount,
    coalesce(sum(amount) FILTER (WHERE side = 'right'), 0) AS right_amount
  FROM side_rows
  JOIN item_sums AS sums USING (fund, county, item_id)
  WHERE carried AND (in_scope OR sums.left_rows = 0)
  GROUP BY fund, county
),
broken AS (
  SELECT
    fund, county, count(*) AS breaks,
    sum(difference) FILTER (WHERE gate = 'expected' OR state <> 'open') AS settled,
    count(*) FILTER (WHERE gate <> 'expected' AND state = 'open') AS open_breaks
  FROM pair_breaks
  GROUP BY fund, county
)
SELECT
  scopes.pair,
  scopes.fund,
  scopes.county,
  CAST(coalesce(items.left_amount, 0) - coalesce(brought.left_amount, 0) AS DECIMAL(18, 2)) AS left_total,
  CAST(coalesce(items.right_amount, 0) - coalesce(brought.right_amount, 0) AS DECIMAL(18, 2)) AS right_total,
  CAST(coalesce(brought.left_amount, 0) - coalesce(brought.right_amount, 0) AS DECIMAL(18, 2)) AS brought_forward,
  CAST(coalesce(items.left_amount, 0) - coalesce(items.right_amount, 0) AS DECIMAL(18, 2)) AS difference,
  CAST(coalesce(broken.settled, 0) AS DECIMAL(18, 2)) AS expected_difference,
  coalesce(items.items, 0) AS item_count,
  coalesce(broken.breaks, 0) AS break_count,
  coalesce(broken.open_breaks, 0) AS open_count
FROM scopes
LEFT JOIN items USING (fund, county)
LEFT JOIN brought USING (fund, county)
LEFT JOIN broken USING (fund, county)
