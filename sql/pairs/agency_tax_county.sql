-- Agency ↔ tax for flexible workers and residents (T12.3), receipt by receipt, per county. What is in transit is nobody's
-- booking yet. Amounts of several heads may be rounded per head on one side and in sum on the other.
SELECT
  'left' AS side, fund, county, receipt_no AS item_key, booked_date AS day, amount, file_id, line_id, row_no
FROM agency_bookings, context
WHERE payer_type <> 'employer'
UNION ALL BY NAME
SELECT
  'right' AS side, fund, county, receipt_no AS item_key, true AS restates, booked_date AS day, paid_amount AS amount,
  CASE
    WHEN levy_kind <> 'premium' THEN levy_kind
    WHEN booked_date >= context.cut_off_from THEN 'cut_off'
  END AS hint,
  CASE WHEN heads > 1 THEN heads * 0.005 END AS rounding, file_id, line_id, row_no
FROM tax_collection_detail, context
WHERE booked_date IS NOT NULL AND payer_type <> 'employer'
