-- Both sides of the pair at hand, row by row: the month's own, and before them what earlier months left open. `item_id` is what
-- the sides are matched on: a number both know, nothing for sums, or, for a row without a number, a name made of its content.
-- Read again where it is used: keeping every row of both sides costs twice what reading them does.
WITH own AS NOT MATERIALIZED (
  FROM row_template
  UNION ALL BY NAME
  FROM pair_rows
),
named AS (
  SELECT *, item_key AS item_id FROM own WHERE item_key IS NOT NULL
  UNION ALL
  SELECT
    *,
    concat_ws(' ', '#无号（' || CASE side WHEN 'left' THEN '左' ELSE '右' END || '）', day, amount,
      row_number() OVER (PARTITION BY side, fund, county, day, amount ORDER BY in_scope, hint, file_id, line_id))
  FROM own
  WHERE item_key IS NULL
),
-- A receipt listed again is the same receipt: what is listed now replaces what was carried, and keeps its age.
restated AS (
  SELECT carried.side, carried.item_id, min(carried.origin) AS origin, min(carried.since) AS since
  FROM carried
  JOIN own ON own.restates AND own.side = carried.side AND own.item_key = carried.item_id
  GROUP BY carried.side, carried.item_id
)
SELECT
  named.side,
  named.fund,
  named.county,
  named.item_id,
  named.item_key IS NOT NULL AS numbered,
  named.batch,
  coalesce(restated.since, named.day, context.month_end) AS day,
  CAST(named.amount AS DECIMAL(18, 2)) AS amount,
  coalesce(named.in_scope, true) AS in_scope,
  named.explains,
  CAST(named.explained AS DECIMAL(18, 2)) AS explained,
  named.hint,
  CAST(named.rounding AS DECIMAL(18, 2)) AS rounding,
  false AS carried,
  restated.origin IS NOT NULL AS older,
  coalesce(restated.origin, context.month) AS origin,
  named.file_id,
  named.line_id,
  named.row_no,
  named.brought_from
FROM named
CROSS JOIN context
LEFT JOIN restated ON named.restates AND restated.side = named.side AND restated.item_id = named.item_key
UNION ALL
SELECT
  carried.side, carried.fund, carried.county, carried.item_id, carried.numbered, carried.batch, carried.since, carried.amount,
  coalesce(carried.in_scope, true), NULL, NULL, carried.class, NULL, true, true, carried.origin, NULL, NULL, NULL, carried.row_id
FROM carried
ANTI JOIN restated ON restated.side = carried.side AND restated.item_id = carried.item_id
