-- Movements on the city's accounts, named by the accounts on both sides: bank remarks are free text and decide nothing.
SELECT
  lines.file_id,
  lines.line_id,
  lines.row_no,
  own.fund,
  lines.booked_date,
  other.county,
  CASE
    WHEN own.kind = 'fiscal' AND other.kind = 'treasury' AND lines.credit IS NOT NULL THEN 'treasury_transfer'
    WHEN own.kind = 'fiscal' AND other.kind = 'expenditure' AND other.county IS NULL AND lines.debit IS NOT NULL
      THEN 'allocation_paid'
    WHEN own.kind = 'expenditure' AND other.kind = 'fiscal' AND lines.credit IS NOT NULL THEN 'allocation_received'
    WHEN own.kind = 'expenditure' AND other.kind = 'expenditure' AND other.county IS NOT NULL AND lines.debit IS NOT NULL
      THEN 'distribution'
    WHEN own.kind = 'fiscal' AND other.number IS NULL AND lines.remark LIKE '%息%' AND lines.credit IS NOT NULL
      THEN 'interest'
    ELSE 'other'
  END AS movement,
  CAST(coalesce(lines.credit, lines.debit) AS DECIMAL(18, 2)) AS amount
FROM account_statement AS lines
JOIN accounts AS own ON own.number = lines.account_no
LEFT JOIN accounts AS other ON other.number = lines.counterparty_no AND coalesce(other.fund, own.fund) = own.fund
