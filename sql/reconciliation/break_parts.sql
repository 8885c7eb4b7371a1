-- Every break: an unmatched item, or the share of one that has a class or a month of its own, with its class. The first reason
-- that holds wins, from the surest to the vaguest. Nothing is within tolerance: one fen is a break.
WITH rests AS (
  SELECT
    items.*,
    CAST(items.difference - coalesce(parts.part, 0) AS DECIMAL(18, 2)) AS rest,
    -- Of a sum, the side that lacks the month's own share.
    CASE WHEN items.difference - coalesce(parts.part, 0) - CASE WHEN items.break_item = '' THEN items.brought ELSE 0 END > 0
      THEN 'right' ELSE 'left' END AS lacking
  FROM unmatched_items AS items
  LEFT JOIN (
    SELECT fund, county, break_item, sum(part) AS part FROM explained_parts GROUP BY ALL
  ) AS parts USING (fund, county, break_item)
),
-- A sum keeps what earlier months left open apart. Money of the other sign makes up for the oldest first.
carried_sums AS (
  SELECT
    rows.fund, rows.county, rows.origin, min(rows.hint) AS class, min(rows.day) AS day,
    sum(CASE rows.side WHEN 'left' THEN rows.amount ELSE -rows.amount END) AS amount
  FROM side_rows AS rows
  WHERE rows.carried AND rows.item_id = ''
  GROUP BY ALL
),
reasons AS (
  SELECT
    rests.*,
    this_pair.shortfall_class,
    this_pair.surplus_class,
    CASE lacking WHEN 'right' THEN this_pair.right_owner ELSE this_pair.left_owner END AS lacking_owner,
    EXISTS (
      SELECT 1 FROM missing_files AS missing
      WHERE missing.contract = CASE lacking WHEN 'right' THEN this_pair.right_contract ELSE this_pair.left_contract END
        AND missing.account_kind IS NOT DISTINCT FROM
          CASE lacking WHEN 'right' THEN this_pair.right_account ELSE this_pair.left_account END
        AND coalesce(missing.fund, rests.fund) = rests.fund AND coalesce(missing.county, rests.county) = rests.county
    ) AS file_missing,
    EXISTS (
      SELECT 1 FROM set_aside_keys AS aside
      WHERE aside.contract = CASE lacking WHEN 'right' THEN this_pair.right_contract ELSE this_pair.left_contract END
        AND CASE WHEN rests.break_item = '' THEN coalesce(aside.fund, rests.fund) = rests.fund
          ELSE aside.item_key = rests.break_item END
    ) AS row_set_aside,
    (
      SELECT CASE WHEN bool_or(other.fund <> rests.fund) THEN 'wrong_subject' ELSE 'wrong_county' END
      FROM rests AS other
      WHERE other.break_item = rests.break_item AND rests.numbered AND rests.break_item <> '' AND this_pair.shared_numbers
        AND other.rest = -rests.rest AND (other.fund <> rests.fund OR other.county <> rests.county)
      HAVING count(*) > 0
    ) AS elsewhere,
    EXISTS (
      SELECT 1 FROM keys_before AS before
      WHERE before.contract = CASE lacking WHEN 'right' THEN this_pair.left_contract ELSE this_pair.right_contract END
        AND before.item_key = rests.break_item AND NOT before.in_transit
    ) AS reported_before,
    EXISTS (
      SELECT 1 FROM keys_before AS before
      WHERE before.contract = CASE lacking WHEN 'right' THEN this_pair.left_contract ELSE this_pair.right_contract END
        AND before.item_key = rests.break_item AND before.in_transit
    ) AS relisted
  FROM rests
  CROSS JOIN this_pair
  WHERE rests.rest <> 0
),
made_up AS (
  SELECT
    rests.fund, rests.county, sums.origin, sums.class, sums.day, sums.amount,
    rests.rest - rests.brought AS own,
    rests.brought,
    -- A side whose file is missing makes up for nothing.
    CASE WHEN sign(rests.rest - rests.brought) = -sign(rests.brought) AND NOT rests.file_missing THEN abs(rests.rest - rests.brought) ELSE 0
      END AS makes_up,
    sum(abs(sums.amount)) OVER (PARTITION BY rests.fund, rests.county ORDER BY sums.origin) AS so_far
  FROM reasons AS rests
  JOIN carried_sums AS sums ON sums.fund = rests.fund AND sums.county = rests.county
  WHERE rests.break_item = ''
),
classified AS (
  SELECT
    reasons.*,
    CASE
      WHEN untouched AND break_item <> '' THEN carried_class
      WHEN file_missing THEN 'file_missing'
      WHEN left_hint = 'late_fee' AND lacking = 'right' AND right_hint = 'wrong_subject' THEN left_hint
      WHEN (lacking = 'right' OR left_rows = 0) AND right_hint IN ('wrong_level', 'wrong_subject') THEN right_hint
      WHEN elsewhere IS NOT NULL THEN elsewhere
      WHEN row_set_aside THEN 'row_set_aside'
      WHEN relisted AND origin = context.month AND (left_rows = 0 OR right_rows = 0) THEN 'relisted'
      WHEN reported_before AND origin = context.month AND (left_rows = 0 OR right_rows = 0) THEN 'duplicate'
      WHEN left_rows = 0 AND right_hint = 'adjustment_period' THEN right_hint
      WHEN lacking = 'left' AND right_hint = 'manual_receipt' THEN right_hint
      WHEN right_rows = 0 AND left_hint IN ('in_transit', 'cut_off') THEN left_hint
      WHEN left_rows = 0 AND right_hint IN ('arrears', 'late_fee', 'cut_off') THEN right_hint
      WHEN left_rows > 0 AND right_rows > 0 AND abs(rest) <= rounding THEN 'rounding'
      WHEN lacking = 'right' AND shortfall_class IS NOT NULL THEN shortfall_class
      WHEN lacking = 'left' AND surplus_class IS NOT NULL THEN surplus_class
      WHEN left_rows > 0 AND right_rows > 0 THEN 'amount_differs'
      WHEN left_rows > 0 THEN 'only_left'
      ELSE 'only_right'
    END AS class
  FROM reasons, context
)
SELECT
  fund, county, break_item, item_ids, numbered, batch, left_rows, right_rows, left_amount, right_amount, left_place, right_place,
  lacking_owner, class, '' AS part, origin, day, rest AS difference
FROM classified
WHERE break_item <> '' OR brought = 0
UNION ALL BY NAME
-- The month's own share of a sum.
SELECT
  fund, county, break_item, item_ids, numbered, batch, left_rows, right_rows, left_amount, right_amount, left_place, right_place,
  lacking_owner, class, '' AS part, context.month AS origin, context.month_end AS day,
  CAST(rest - brought + CASE
    WHEN sign(rest - brought) = -sign(brought) AND NOT file_missing THEN sign(brought) * least(abs(rest - brought), abs(brought)) ELSE 0
  END AS DECIMAL(18, 2)) AS difference
FROM classified, context
WHERE break_item = '' AND brought <> 0
UNION ALL BY NAME
-- What is left of earlier months' shares.
SELECT
  items.fund, items.county, items.break_item, items.item_ids, items.numbered, items.batch, items.left_rows, items.right_rows,
  items.left_amount, items.right_amount, items.left_place, items.right_place,
  CASE WHEN made_up.amount > 0 THEN this_pair.right_owner ELSE this_pair.left_owner END AS lacking_owner, made_up.class,
  '' AS part, made_up.origin, made_up.day,
  CAST(sign(made_up.amount) * greatest(0, least(abs(made_up.amount), made_up.so_far - made_up.makes_up)) AS DECIMAL(18, 2))
    AS difference
FROM made_up
JOIN unmatched_items AS items ON items.fund = made_up.fund AND items.county = made_up.county AND items.break_item = ''
CROSS JOIN this_pair
UNION ALL BY NAME
SELECT
  items.fund, items.county, items.break_item, items.item_ids, items.numbered, items.batch, items.left_rows, items.right_rows,
  items.left_amount, items.right_amount, items.left_place, items.right_place, this_pair.right_owner AS lacking_owner, parts.class,
  parts.class AS part, context.month AS origin, context.month_end AS day, parts.part AS difference
FROM explained_parts AS parts
JOIN unmatched_items AS items USING (fund, county, break_item)
CROSS JOIN this_pair
CROSS JOIN context
UNION ALL BY NAME
SELECT
  items.fund, items.county, '' AS break_item, NULL::VARCHAR[] AS item_ids, false AS numbered,
  NULL::VARCHAR AS batch, CAST(sum(items.left_rows) AS BIGINT) AS left_rows,
  CAST(sum(items.right_rows) AS BIGINT) AS right_rows,
  CAST(sum(items.left_amount) AS DECIMAL(18, 2)) AS left_amount,
  CAST(sum(items.right_amount) AS DECIMAL(18, 2)) AS right_amount,
  NULL AS left_place, NULL AS right_place,
  CASE WHEN items.left_rows = 0 THEN this_pair.left_owner ELSE this_pair.right_owner END AS lacking_owner,
  'file_missing' AS class, 'file_missing' AS part, context.month AS origin, context.month_end AS day,
  CAST(sum(items.difference) AS DECIMAL(18, 2)) AS difference
FROM item_sums AS items
JOIN missing_items USING (fund, county, item_id)
CROSS JOIN this_pair
CROSS JOIN context
GROUP BY items.fund, items.county, items.left_rows = 0, this_pair.left_owner, this_pair.right_owner, context.month,
  context.month_end
