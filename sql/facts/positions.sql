-- What reserve, pool and each county's own balance hold when the period begins: audited balances, and every transfer ordered since.
-- A legacy balance that is handed over stays the county's: the hand-over itself adds nothing.
WITH lines AS (
  SELECT 'county_balance' AS role, fund, county, pooled_balance AS amount, 'legacy_balances/' || file_id || '/' || row_no AS source
  FROM legacy_balances
  UNION ALL
  SELECT receiver, fund, county, amount, row_id FROM done_transfers AS transfers
  WHERE receiver IN ('county_balance', 'reserve', 'pool')
    AND rule_id NOT IN (SELECT rule_id FROM rule_kinds WHERE kind = 'legacy_upload')
  UNION ALL
  SELECT payer, fund, county, -amount, row_id FROM done_transfers
  WHERE payer IN ('county_balance', 'reserve', 'pool')
)
SELECT
  role, fund, CASE role WHEN 'county_balance' THEN coalesce(heirs.heir, lines.county) ELSE '' END AS county,
  CAST(amount AS DECIMAL(18, 2)) AS amount, source
FROM lines
LEFT JOIN successors AS heirs ON heirs.code = lines.county
