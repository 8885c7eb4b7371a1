-- How much of what the treasury paid back this month of each receipt, by the fund and county it paid it for, has a ground: what
-- it booked under the number, as corrected, in this month and those before, less what it paid back before. The fund and county
-- it was booked for come first. `seen`: whether a booking of it is in these months; of others nobody can say.
WITH claims AS (
  SELECT voucher_no AS item_id, fund, county, -sum(amount) AS claimed
  FROM treasury_premiums
  WHERE list = 'refund' AND voucher_no IS NOT NULL
  GROUP BY ALL
),
lists AS (
  SELECT 'booked' AS kind, voucher_no, subject, tax_office, amount FROM treasury_receipts
  UNION ALL
  SELECT 'booked', voucher_no, subject, tax_office, amount FROM treasury_receipts__past
  UNION ALL
  SELECT 'into', voucher_no, subject, tax_office, amount FROM treasury_corrections
  UNION ALL
  SELECT 'into', voucher_no, subject, tax_office, amount FROM treasury_corrections__past
  UNION ALL
  SELECT 'out_of', voucher_no, original_subject, original_tax_office, -amount FROM treasury_corrections
  UNION ALL
  SELECT 'out_of', voucher_no, original_subject, original_tax_office, -amount FROM treasury_corrections__past
  UNION ALL
  SELECT 'paid_back', voucher_no, subject, tax_office, -amount FROM treasury_refunds__past
),
known AS (
  SELECT lists.voucher_no AS item_id, subjects.fund, counties.code AS county, lists.kind, lists.amount
  FROM lists
  SEMI JOIN claims ON claims.item_id = lists.voucher_no
  JOIN subjects ON subjects.code = lists.subject
  JOIN counties ON counties.tax_office = lists.tax_office
),
places AS (
  SELECT item_id, fund, county, sum(amount) AS amount FROM known GROUP BY ALL
),
wholes AS (
  SELECT
    item_id, sum(amount) AS amount,
    -- A correction within the funds says nothing of how much was booked before; one from elsewhere is a booking.
    count_if(kind = 'booked') > 0 OR count_if(kind = 'into') > count_if(kind = 'out_of') AS seen
  FROM known
  GROUP BY item_id
)
SELECT
  claims.item_id,
  claims.fund,
  claims.county,
  coalesce(wholes.seen, false) AS seen,
  CAST(greatest(0, least(claims.claimed, coalesce(wholes.amount, 0) - coalesce(sum(claims.claimed) OVER (
    PARTITION BY claims.item_id ORDER BY coalesce(places.amount, 0) > 0 DESC, claims.fund, claims.county
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
  ), 0))) AS DECIMAL(18, 2)) AS amount
FROM claims
LEFT JOIN wholes USING (item_id)
LEFT JOIN places USING (item_id, fund, county)
