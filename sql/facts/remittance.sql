-- Facts of the monthly remittance: what the treasury booked for each county, net of refunds, as corrected.
SELECT
  fund, county, unnest(['booked', 'receipts']) AS fact, CAST(unnest([booked, receipts]) AS DECIMAL(18, 2)) AS amount,
  NULL::VARCHAR AS word, 'remittances/' || context.city || '/' || context.month || '/' || fund || '/' || county AS source
FROM premiums_in_treasury, context
