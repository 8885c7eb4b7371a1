-- 划款凭证: one a fund. What earlier months left in the treasury, what is due for the month, what the bank shows as moved, and
-- what is still to be moved.
WITH due AS (
  SELECT
    transfers.fund,
    CAST(sum(CASE WHEN receiver.kind = 'treasury' THEN -amount ELSE amount END) AS DECIMAL(18, 2)) AS amount_due
  FROM transfers
  JOIN accounts AS receiver ON receiver.number = transfers.receiver_account
  WHERE rule_id = (SELECT remittance_rule FROM context)
  GROUP BY transfers.fund
),
moved AS (
  SELECT fund, CAST(sum(amount) AS DECIMAL(18, 2)) AS amount_transferred
  FROM account_movements WHERE movement = 'treasury_transfer' GROUP BY fund
),
waiting AS (
  SELECT fund, CAST(sum(CASE side WHEN 'left' THEN amount ELSE -amount END) AS DECIMAL(18, 2)) AS amount_brought_forward
  FROM brought_items WHERE pair = 'treasury_fiscal' GROUP BY fund
)
SELECT
  'vouchers/' || context.city || '/' || context.month || '/' || funds.fund AS row_id,
  context.city, context.month, funds.fund, funds.name AS fund_name,
  payer.name AS payer_name, payer.number AS payer_account, receiver.name AS receiver_name,
  receiver.number AS receiver_account,
  CAST(coalesce(waiting.amount_brought_forward, 0) AS DECIMAL(18, 2)) AS amount_brought_forward,
  CAST(coalesce(due.amount_due, 0) AS DECIMAL(18, 2)) AS amount_due,
  CAST(coalesce(moved.amount_transferred, 0) AS DECIMAL(18, 2)) AS amount_transferred,
  CAST(coalesce(waiting.amount_brought_forward, 0) + coalesce(due.amount_due, 0) - coalesce(moved.amount_transferred, 0)
    AS DECIMAL(18, 2)) AS amount_outstanding,
  context.remittance_due AS due_date, context.remittance_late_after AS late_after, context.remittance_rule AS rule_id,
  clauses.notice || ' ' || clauses.source AS clause, context.figures
FROM context
JOIN clauses ON clauses.clause = context.remittance_clause
CROSS JOIN funds
JOIN accounts AS payer ON payer.kind = 'treasury' AND payer.county IS NULL
JOIN accounts AS receiver
  ON receiver.kind = 'fiscal' AND receiver.fund = funds.fund AND receiver.county IS NULL AND receiver.purpose IS NULL
LEFT JOIN due ON due.fund = funds.fund
LEFT JOIN moved ON moved.fund = funds.fund
LEFT JOIN waiting ON waiting.fund = funds.fund
WHERE NOT context.ahead
