-- What moved in the month, by flow, fund and county: the ledger's input.
SELECT flow, fund, county, CAST(sum(amount) AS DECIMAL(18, 2)) AS amount
FROM flow_rows
GROUP BY flow, fund, county
