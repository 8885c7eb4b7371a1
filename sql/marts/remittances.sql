-- Monthly remittance: what each county's premiums of a fund put into the city treasury, to be moved to the special fiscal account.
SELECT
  'remittances/' || context.city || '/' || context.month || '/' || facts.fund || '/' || facts.county AS row_id,
  context.city, context.month, facts.fund, funds.name AS fund_name, facts.county, counties.name AS county_name,
  -- Where refunds exceed receipts, the transfer goes the other way.
  CAST(coalesce(CASE WHEN receiver.kind = 'treasury' THEN -transfers.amount ELSE transfers.amount END, 0)
    AS DECIMAL(18, 2)) AS amount, facts.receipts,
  context.remittance_due AS due_date, context.remittance_late_after AS late_after,
  context.remittance_rule AS rule_id, clauses.notice || ' ' || clauses.source AS clause, context.figures
FROM context
JOIN clauses ON clauses.clause = context.remittance_clause
CROSS JOIN premiums_in_treasury AS facts
LEFT JOIN transfers
  ON transfers.rule_id = context.remittance_rule AND transfers.fund = facts.fund AND transfers.county = facts.county
LEFT JOIN accounts AS receiver ON receiver.number = transfers.receiver_account
JOIN funds ON funds.fund = facts.fund
JOIN counties ON counties.code = facts.county
WHERE NOT context.ahead
