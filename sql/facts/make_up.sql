-- Facts of residents' financing that is made up: what a head was financed with in the first year, and how many there were.
WITH first AS (
  SELECT min(done_in) AS done_in FROM enrolment__done, context WHERE of_year = year(in_force_from) AND fund = 'resident'
),
heads AS (SELECT enrolment.* FROM enrolment__done AS enrolment JOIN first USING (done_in) WHERE fund = 'resident')
SELECT fund, county, 'standard' AS fact, CAST(own_standard + subsidy_standard AS DECIMAL(18, 2)) AS amount, NULL::VARCHAR AS word, 'enrolment/' || file_id || '/' || row_no AS source
FROM heads
UNION ALL
SELECT fund, county, 'insured', CAST(insured AS DECIMAL(18, 2)), NULL, 'enrolment/' || file_id || '/' || row_no FROM heads
UNION ALL
SELECT fund, county, 'successor', NULL, heir, 'places' FROM heads JOIN successors ON successors.code = heads.county WHERE heir <> county
UNION ALL
SELECT transfers.fund, transfers.county, 'paid_before', amount, NULL, row_id
FROM done_transfers AS transfers JOIN rule_kinds ON rule_kinds.rule_id = transfers.rule_id AND rule_kinds.kind = 'make_up'
