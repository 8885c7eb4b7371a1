-- Persons insured by the newest list of the year, how many of them pay, and how many were insured by the newest of the year before.
WITH lists AS (
  SELECT of_year, max(done_in) AS done_in FROM enrolment__done, context WHERE of_year IN (period_year, period_year - 1) GROUP BY of_year
)
SELECT
  fund, coalesce(heirs.heir, enrolment.county) AS county,
  CAST(sum(insured) FILTER (of_year = period_year) AS BIGINT) AS insured,
  CAST(sum(paying) FILTER (of_year = period_year) AS BIGINT) AS paying,
  CAST(sum(insured) FILTER (of_year < period_year) AS BIGINT) AS insured_before
FROM enrolment__done AS enrolment
JOIN lists USING (of_year, done_in)
LEFT JOIN successors AS heirs ON heirs.code = enrolment.county
CROSS JOIN context
GROUP BY ALL
