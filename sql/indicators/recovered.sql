-- What the city recovered from violations in the year, by the county it was recovered in.
SELECT transfers.fund, transfers.county, CAST(sum(amount) AS DECIMAL(18, 2)) AS amount
FROM done_transfers AS transfers
JOIN rule_kinds ON rule_kinds.rule_id = transfers.rule_id AND rule_kinds.kind = 'recovered_money'
JOIN context ON left(transfers.month, 4) = CAST(context.period_year AS VARCHAR)
GROUP BY ALL
