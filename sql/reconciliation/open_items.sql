-- What neither the key nor the batch matched, with all that is known of it. `brought` is the part earlier months left open.
WITH wanted AS (
  SELECT items.*
  FROM item_sums AS items
  ANTI JOIN missing_items USING (fund, county, item_id)
  LEFT JOIN batch_matches AS batches ON batches.fund = items.fund AND batches.county = items.county
    AND batches.batch = items.batch AND (items.left_rows = 0 OR items.right_rows = 0)
  WHERE items.difference <> 0 AND batches.batch IS NULL
)
SELECT
  wanted.fund,
  wanted.county,
  wanted.item_id,
  wanted.numbered,
  wanted.batch,
  wanted.outside,
  wanted.left_rows,
  wanted.right_rows,
  wanted.left_amount,
  wanted.right_amount,
  wanted.difference,
  CAST(coalesce(sum(CASE rows.side WHEN 'left' THEN rows.amount ELSE -rows.amount END) FILTER (WHERE rows.carried), 0)
    AS DECIMAL(18, 2)) AS brought,
  bool_and(rows.carried) AS untouched,
  min(rows.day) AS day,
  min(rows.origin) AS origin,
  min(rows.hint) FILTER (WHERE rows.carried) AS carried_class,
  min(rows.hint) FILTER (WHERE rows.side = 'left' AND NOT rows.carried) AS left_hint,
  min(rows.hint) FILTER (WHERE rows.side = 'right' AND (NOT rows.carried OR NOT rows.in_scope)) AS right_hint,
  max(rows.rounding) AS rounding,
  min({'file_id': rows.file_id, 'line_id': rows.line_id, 'row_no': rows.row_no})
    FILTER (WHERE rows.side = 'left' AND rows.file_id IS NOT NULL) AS left_place,
  min({'file_id': rows.file_id, 'line_id': rows.line_id, 'row_no': rows.row_no})
    FILTER (WHERE rows.side = 'right' AND rows.file_id IS NOT NULL AND rows.explains IS DISTINCT FROM 'other_pair')
    AS right_place
FROM wanted
JOIN side_rows AS rows USING (fund, county, item_id)
GROUP BY ALL
