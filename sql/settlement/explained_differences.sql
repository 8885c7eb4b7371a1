-- What city and county booked differently of what they paid each other and nobody need look into: it is as it should be, a person
-- decided, or an earlier month left it open. City less county, by fund; `direction` is down (agency to agency) or up (income
-- accounts, where the county's side stands first in the pair).
SELECT
  fund, CASE pair WHEN 'agency_county' THEN 'down' ELSE 'up' END AS direction,
  CAST(sum(CASE pair WHEN 'agency_county' THEN 1 ELSE -1 END * (expected_difference - brought_forward)) AS DECIMAL(18, 2))
    AS amount
FROM pair_totals
WHERE pair IN ('agency_county', 'income_upload')
GROUP BY ALL
