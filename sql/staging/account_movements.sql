-- Movements on the accounts of the city and, where their statements came, of the counties, named by the accounts on both
-- sides. Bank remarks are free text: they decide only interest and returned payments, which have no account of ours on the
-- other side, and only where they are exactly what the accounts document lists. `own_*` is whose account it is, `county`
-- the county on the other side.
WITH lines AS (
  SELECT
    *,
    -- Banks write 0.00 or nothing on the side that did not move.
    coalesce(credit, 0) - coalesce(debit, 0) AS net
  FROM account_statement
)
SELECT
  lines.file_id,
  lines.line_id,
  lines.row_no,
  own.fund,
  own.kind AS own_kind,
  own.county AS own_county,
  lines.account_no,
  lines.serial_no,
  coalesce(lines.counterparty_no, lines.counterparty_name) AS counterparty,
  lines.booked_date,
  other.county,
  CASE
    WHEN own.kind = 'fiscal' AND own.county IS NULL AND other.kind = 'treasury' AND lines.net > 0 THEN 'treasury_transfer'
    WHEN own.kind = 'fiscal' AND own.county IS NULL AND other.kind = 'expenditure' AND other.county IS NULL AND lines.net < 0
      THEN 'allocation_paid'
    WHEN own.kind = 'fiscal' AND own.county IS NULL AND other.kind = 'income' AND other.county IS NULL AND lines.net > 0
      THEN 'income_received'
    WHEN own.kind = 'fiscal' AND own.county IS NULL AND other.kind = 'fiscal' AND other.county IS NOT NULL AND lines.net > 0
      THEN 'county_premiums_received'
    WHEN own.kind = 'fiscal' AND own.county IS NOT NULL AND other.kind = 'fiscal' AND other.county IS NULL AND lines.net < 0
      THEN 'county_premiums_sent'
    -- What a balance gets back from the city.
    WHEN own.kind = 'fiscal' AND own.county IS NULL AND other.kind = 'fiscal' AND other.county IS NOT NULL AND lines.net < 0
      THEN 'balance_returned'
    WHEN own.kind = 'fiscal' AND own.county IS NOT NULL AND other.kind = 'fiscal' AND other.county IS NULL AND lines.net > 0
      THEN 'balance_received'
    -- Governments pay subsidies and what they make up; what they paid too much goes back to them.
    WHEN own.kind = 'fiscal' AND own.county IS NULL AND other.kind IN ('government', 'upper') AND lines.net > 0
      THEN 'subsidy_received'
    WHEN own.kind = 'fiscal' AND own.county IS NULL AND other.kind IN ('government', 'upper') AND lines.net < 0
      THEN 'refunded_to_government'
    WHEN own.kind = 'fiscal' AND own.county IS NOT NULL AND other.kind = 'government' AND other.county = own.county
      AND lines.net > 0 THEN 'county_subsidy_received'
    -- An expenditure account gives back to the fiscal account it is fed by, or to the upper agency.
    WHEN own.kind = 'fiscal' AND own.county IS NULL AND other.kind = 'expenditure' AND other.county IS NULL AND lines.net > 0
      THEN 'agency_return_received'
    WHEN own.kind = 'expenditure' AND own.county IS NULL AND other.kind = 'fiscal' AND other.county IS NULL
      AND lines.net < 0 THEN 'agency_returned'
    WHEN own.kind = 'expenditure' AND own.county IS NOT NULL AND other.kind = 'expenditure' AND other.county IS NULL
      AND lines.net < 0 THEN 'revolving_returned'
    WHEN own.kind = 'expenditure' AND own.county IS NULL AND other.kind = 'expenditure' AND other.county IS NOT NULL
      AND lines.net > 0 THEN 'revolving_received'
    WHEN own.kind = 'fiscal' AND own.county IS NOT NULL AND other.kind = 'expenditure' AND other.county = own.county
      AND lines.net > 0 THEN 'county_interest_received'
    -- What a county's balance from before pooling bears is paid by its agency (T13).
    WHEN own.kind = 'fiscal' AND own.county IS NOT NULL AND other.kind = 'expenditure' AND other.county = own.county
      AND lines.net < 0 THEN 'legacy_paid'
    WHEN own.kind = 'expenditure' AND own.county IS NOT NULL AND other.kind = 'fiscal' AND other.county = own.county
      AND lines.net > 0 THEN 'legacy_received'
    WHEN own.kind = 'expenditure' AND other.kind = 'payee' AND lines.net < 0 THEN 'benefit_paid'
    WHEN own.kind = 'expenditure' AND other.kind = 'payee' AND lines.net > 0 THEN 'benefit_returned'
    WHEN own.kind = 'expenditure' AND own.county IS NULL AND other.kind = 'fiscal' AND other.county IS NULL
      AND lines.net > 0 THEN 'allocation_received'
    WHEN own.kind = 'expenditure' AND own.county IS NULL AND other.kind = 'expenditure' AND other.county IS NOT NULL
      AND lines.net < 0 THEN 'distribution'
    WHEN own.kind = 'expenditure' AND own.county IS NOT NULL AND other.kind = 'expenditure' AND other.county IS NULL
      AND lines.net > 0 THEN 'distribution_received'
    WHEN own.kind = 'expenditure' AND own.county IS NOT NULL AND other.kind = 'fiscal'
      AND coalesce(other.county, own.county) = own.county AND lines.net < 0 THEN 'interest_uploaded'
    WHEN own.kind = 'income' AND own.county IS NOT NULL AND other.kind = 'income' AND other.county IS NULL AND lines.net < 0
      THEN 'upload_sent'
    WHEN own.kind = 'income' AND own.county IS NULL AND other.kind = 'income' AND other.county IS NOT NULL AND lines.net > 0
      THEN 'upload_received'
    WHEN own.kind = 'income' AND own.county IS NULL AND other.kind = 'fiscal' AND lines.net < 0 THEN 'income_sent'
    WHEN other.number IS NULL AND interest.remark IS NOT NULL AND lines.net > 0 THEN own.kind || '_interest'
    -- A county pays benefits to whoever is owed them, and gets back what a bank could not deliver.
    WHEN own.kind = 'expenditure' AND own.county IS NOT NULL AND registered.number IS NULL AND lines.net < 0
      THEN 'benefit_paid'
    WHEN own.kind = 'expenditure' AND own.county IS NOT NULL AND registered.number IS NULL AND returned.remark IS NOT NULL
      THEN 'benefit_returned'
    -- An income account collects from payers and, apart from what it passes up, pays nothing.
    WHEN own.kind = 'income' AND (registered.number IS NULL OR other.kind = 'treasury') AND lines.net > 0
      THEN 'premium_collected'
    ELSE 'unknown'
  END AS movement,
  CAST(abs(lines.net) AS DECIMAL(18, 2)) AS amount,
  CAST(lines.net AS DECIMAL(18, 2)) AS net
FROM lines
JOIN accounts AS own ON own.number = lines.account_no
-- Funds never cross (G1): the account on the other side is one of the same fund, or the treasury's.
LEFT JOIN accounts AS other ON other.number = lines.counterparty_no AND coalesce(other.fund, own.fund) = own.fund
-- Somebody else's account is one that nobody has registered, for either fund.
LEFT JOIN accounts AS registered ON registered.number = lines.counterparty_no
LEFT JOIN interest_remarks AS interest ON interest.remark = lines.remark AND lines.counterparty_no IS NULL
LEFT JOIN return_remarks AS returned ON returned.remark = lines.remark
