-- A side whose file is missing lacks everything: one break a fund and county says so, not one an item.
SELECT items.fund, items.county, items.item_id
FROM item_sums AS items
CROSS JOIN this_pair
WHERE items.difference <> 0
  AND NOT items.older
  AND (items.left_rows = 0 OR items.right_rows = 0)
  AND EXISTS (
    SELECT 1 FROM missing_files AS missing
    WHERE missing.contract = CASE WHEN items.left_rows = 0 THEN this_pair.left_contract ELSE this_pair.right_contract END
      AND missing.account_kind IS NOT DISTINCT FROM
        CASE WHEN items.left_rows = 0 THEN this_pair.left_account ELSE this_pair.right_account END
      AND coalesce(missing.fund, items.fund) = items.fund
      AND coalesce(missing.county, items.county) = items.county
  )
