-- Movements on the city's accounts, named by the accounts on both sides. Bank remarks are free text: they decide only
-- interest, which has no account on the other side, and only where they are exactly what the accounts document lists.
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
  lines.account_no,
  lines.serial_no,
  other.county,
  CASE
    WHEN own.kind = 'fiscal' AND other.kind = 'treasury' AND lines.net > 0 THEN 'treasury_transfer'
    WHEN own.kind = 'fiscal' AND other.kind = 'expenditure' AND other.county IS NULL AND lines.net < 0
      THEN 'allocation_paid'
    WHEN own.kind = 'expenditure' AND other.kind = 'fiscal' AND lines.net > 0 THEN 'allocation_received'
    WHEN own.kind = 'expenditure' AND other.kind = 'expenditure' AND other.county IS NOT NULL AND lines.net < 0
      THEN 'distribution'
    WHEN other.number IS NULL AND interest.remark IS NOT NULL AND lines.net > 0 THEN own.kind || '_interest'
    ELSE 'unknown'
  END AS movement,
  CAST(abs(lines.net) AS DECIMAL(18, 2)) AS amount,
  CAST(lines.net AS DECIMAL(18, 2)) AS net
FROM lines
JOIN accounts AS own ON own.number = lines.account_no
-- Funds never cross (G1): the account on the other side is one of the same fund, or the treasury's.
LEFT JOIN accounts AS other ON other.number = lines.counterparty_no AND coalesce(other.fund, own.fund) = own.fund
LEFT JOIN interest_remarks AS interest ON interest.remark = lines.remark AND lines.counterparty_no IS NULL
