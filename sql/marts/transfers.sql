-- Every transfer a rule ordered: who pays whom how much by when, and the clause.
SELECT
  'transfers/' || context.city || '/' || context.month || '/' || transfers.transfer_id AS row_id,
  context.city, context.month, transfers.fund, transfers.county, counties.name AS county_name, transfers.rule_id,
  transfers.step, transfers.payer, transfers.payer_account, transfers.payer_name, transfers.receiver,
  transfers.receiver_account, transfers.receiver_name, transfers.amount, transfers.due_date, transfers.late_after,
  transfers.clause, transfers.facts, context.figures
FROM transfers
LEFT JOIN counties ON counties.code = transfers.county
CROSS JOIN context
