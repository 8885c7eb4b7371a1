-- The facts of T8.1: what the city treasury booked in the month, refunds taken off and corrections made, per county and fund; a
-- county without any has 0.00.
SELECT
  funds.fund,
  counties.code AS county,
  CAST(coalesce(sum(premiums.amount), 0) AS DECIMAL(18, 2)) AS booked,
  count(premiums.amount) FILTER (WHERE premiums.list = 'receipt') AS receipts
FROM funds
CROSS JOIN counties
LEFT JOIN treasury_premiums AS premiums
  ON premiums.fund = funds.fund AND premiums.county = counties.code AND premiums.in_city_treasury
GROUP BY funds.fund, counties.code
ORDER BY funds.fund, counties.code
