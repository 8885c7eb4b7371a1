-- Facts of the revolving fund's recovery: what was advanced for the year, and what came back since.
SELECT
  transfers.fund, transfers.county, CASE rule_kinds.kind WHEN 'revolving_advance' THEN 'advanced' ELSE 'recovered_before' END AS fact,
  transfers.amount, NULL::VARCHAR AS word, transfers.row_id AS source
FROM done_transfers AS transfers
JOIN rule_kinds ON rule_kinds.rule_id = transfers.rule_id
JOIN context ON left(transfers.month, 4) = left(context.month, 4)
WHERE (rule_kinds.kind = 'revolving_advance' AND transfers.receiver = 'county_agency')
  OR (rule_kinds.kind = 'revolving_recovery' AND transfers.payer = 'county_agency')
