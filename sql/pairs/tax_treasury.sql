-- Tax ↔ treasury (T12.1), receipt by receipt. Money the treasury has elsewhere than in the city treasury is nobody's match: it
-- counts only where no receipt explains it. A refund is the treasury's alone: it explains the difference it makes.
SELECT
  'left' AS side, fund, county, receipt_no AS item_key, true AS restates,
  -- The receipts of a county and day that the treasury books as one line without a number.
  CAST(booked_date AS VARCHAR) AS batch, coalesce(booked_date, paid_date) AS day, paid_amount AS amount,
  CASE
    WHEN booked_date IS NULL THEN 'in_transit'
    WHEN levy_kind = 'late_fee' THEN 'late_fee'
    WHEN booked_date >= context.cut_off_from THEN 'cut_off'
  END AS hint,
  file_id, line_id, row_no
FROM tax_collection_detail, context
UNION ALL BY NAME
SELECT
  'right' AS side, fund, county, voucher_no AS item_key, CAST(booked_date AS VARCHAR) AS batch, booked_date AS day, amount,
  in_city_treasury AS in_scope, CASE list WHEN 'refund' THEN 'refund' END AS explains,
  CASE list WHEN 'refund' THEN -amount END AS explained, hint, file_id, line_id, row_no
FROM treasury_premiums
