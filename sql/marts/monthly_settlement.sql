-- 月度结算表: a county's month of a fund on one line, from the premium collected to the account's closing balance.
WITH amounts AS (
  SELECT fund, county, column_name, sum(amount) AS amount FROM settlement_rows GROUP BY fund, county, column_name
)
SELECT
  'monthly_settlement/' || context.city || '/' || context.month || '/' || funds.fund || '/' || counties.code AS row_id,
  context.city, context.month, funds.fund, funds.name AS fund_name, counties.code AS county,
  counties.name AS county_name,
  CAST(coalesce(sum(amount) FILTER (WHERE column_name = 'tax_collected'), 0) AS DECIMAL(18, 2)) AS tax_collected,
  CAST(coalesce(sum(amount) FILTER (WHERE column_name = 'tax_in_transit'), 0) AS DECIMAL(18, 2)) AS tax_in_transit,
  CAST(coalesce(sum(amount) FILTER (WHERE column_name = 'treasury_booked'), 0) AS DECIMAL(18, 2)) AS treasury_booked,
  CAST(coalesce(sum(amount) FILTER (WHERE column_name = 'agency_booked'), 0) AS DECIMAL(18, 2)) AS agency_booked,
  CAST(coalesce(sum(amount) FILTER (WHERE column_name = 'remittance_due'), 0) AS DECIMAL(18, 2)) AS remittance_due,
  CAST(coalesce(sum(amount) FILTER (WHERE column_name = 'allocation_sent'), 0) AS DECIMAL(18, 2)) AS allocation_sent,
  CAST(coalesce(sum(amount) FILTER (WHERE column_name = 'account_opening'), 0) AS DECIMAL(18, 2)) AS account_opening,
  CAST(coalesce(sum(amount) FILTER (WHERE column_name = 'account_received'), 0) AS DECIMAL(18, 2)) AS account_received,
  CAST(coalesce(sum(amount) FILTER (WHERE column_name = 'account_interest'), 0) AS DECIMAL(18, 2)) AS account_interest,
  CAST(coalesce(sum(amount) FILTER (WHERE column_name = 'expenditure'), 0) AS DECIMAL(18, 2)) AS expenditure,
  CAST(coalesce(sum(amount) FILTER (WHERE column_name = 'account_closing'), 0) AS DECIMAL(18, 2)) AS account_closing,
  context.figures
FROM funds
CROSS JOIN counties
CROSS JOIN context
LEFT JOIN amounts ON amounts.fund = funds.fund AND amounts.county = counties.code
-- What is ordered ahead settles no month.
WHERE NOT context.ahead
GROUP BY ALL
