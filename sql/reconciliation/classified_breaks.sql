-- Every item whose two sides differ, with its class. The first reason that holds wins, from the surest to the vaguest;
-- nothing is within tolerance: one fen is a break. `lacking` is the side that has less.
WITH differing AS (
  SELECT
    items.*,
    left_amount - right_amount AS difference,
    CASE WHEN left_amount > right_amount THEN 'right' ELSE 'left' END AS lacking
  FROM items
  WHERE left_amount <> right_amount
),
known AS (
  SELECT
    differing.*,
    pairs.shortfall_class,
    pairs.surplus_class,
    CASE WHEN lacking = 'right' THEN pairs.right_contract ELSE pairs.left_contract END AS lacking_contract,
    CASE WHEN lacking = 'right' THEN pairs.right_account ELSE pairs.left_account END AS lacking_account,
    CASE WHEN lacking = 'right' THEN pairs.right_owner ELSE pairs.left_owner END AS lacking_owner
  FROM differing
  JOIN pairs ON pairs.pair = differing.pair
),
reasons AS (
  SELECT
    known.*,
    EXISTS (
      SELECT 1 FROM missing_files AS missing
      WHERE missing.contract = known.lacking_contract
        AND coalesce(missing.fund, known.fund) = known.fund AND coalesce(missing.county, known.county) = known.county
        AND missing.account_kind IS NOT DISTINCT FROM known.lacking_account
    ) AS file_missing,
    EXISTS (
      SELECT 1 FROM set_aside_keys AS aside
      WHERE aside.contract = known.lacking_contract AND aside.item_key = known.item_key AND known.item_key <> ''
    ) AS row_set_aside,
    -- A sum lacks what was set aside from the file it is made of.
    known.item_key = '' AND EXISTS (
      SELECT 1 FROM set_aside_keys AS aside
      WHERE aside.contract = known.lacking_contract AND coalesce(aside.fund, known.fund) = known.fund
    ) AS sum_lacks_rows,
    (
      SELECT CASE WHEN bool_or(other.fund <> known.fund) THEN 'wrong_subject' ELSE 'wrong_county' END
      FROM differing AS other
      WHERE other.pair = known.pair AND other.item_key = known.item_key AND known.item_key <> ''
        AND other.difference = -known.difference
        AND (other.fund <> known.fund OR other.county <> known.county)
      HAVING count(*) > 0
    ) AS elsewhere
  FROM known
)
SELECT
  pair,
  fund,
  county,
  item_key,
  CASE
    WHEN file_missing THEN 'file_missing'
    WHEN (lacking = 'right' OR left_rows = 0) AND right_hint IN ('wrong_level', 'wrong_subject') THEN right_hint
    WHEN elsewhere IS NOT NULL THEN elsewhere
    WHEN row_set_aside OR sum_lacks_rows THEN 'row_set_aside'
    WHEN lacking = 'left' AND right_hint = 'manual_receipt' THEN right_hint
    WHEN lacking = 'right' AND right_rows = 0 AND left_hint = 'in_transit' THEN left_hint
    WHEN lacking = 'right' AND shortfall_class IS NOT NULL THEN shortfall_class
    WHEN lacking = 'left' AND surplus_class IS NOT NULL THEN surplus_class
    WHEN left_rows > 0 AND right_rows > 0 THEN 'amount_differs'
    WHEN left_rows > 0 THEN 'only_left'
    ELSE 'only_right'
  END AS class,
  lacking_owner,
  left_amount,
  right_amount,
  CAST(difference AS DECIMAL(18, 2)) AS difference,
  left_place.file_id AS left_file_id,
  left_place.row_no AS left_row,
  right_place.file_id AS right_file_id,
  right_place.row_no AS right_row
FROM reasons
