-- Every pair at the level its clause compares it, also where neither side has anything.
WITH scopes AS (
  SELECT pairs.pair, funds.fund, counties.code AS county
  FROM pairs
  JOIN funds ON list_contains(pairs.funds, funds.fund)
  CROSS JOIN counties
  WHERE pairs.scope = 'county'
  UNION ALL
  SELECT pairs.pair, funds.fund, context.city_code
  FROM pairs
  JOIN funds ON list_contains(pairs.funds, funds.fund)
  CROSS JOIN context
  WHERE pairs.scope = 'city'
)
SELECT
  scopes.pair,
  scopes.fund,
  scopes.county,
  CAST(coalesce(sum(items.left_amount), 0) AS DECIMAL(18, 2)) AS left_total,
  CAST(coalesce(sum(items.right_amount), 0) AS DECIMAL(18, 2)) AS right_total,
  CAST(coalesce(sum(items.left_amount), 0) - coalesce(sum(items.right_amount), 0) AS DECIMAL(18, 2)) AS difference,
  count(items.pair) AS item_count,
  count(*) FILTER (WHERE items.left_amount <> items.right_amount) AS break_count
FROM scopes
LEFT JOIN items ON items.pair = scopes.pair AND items.fund = scopes.fund AND items.county = scopes.county
GROUP BY scopes.pair, scopes.fund, scopes.county
