-- Open breaks by owner and age: what the meeting at month-end goes through.
SELECT
  city, owner, owner_title,
  CASE WHEN age_days <= 31 THEN '0–31' WHEN age_days <= 62 THEN '32–62' WHEN age_days <= 93 THEN '63–93' ELSE '94–' END AS age_band,
  gate, count(*) AS breaks, CAST(sum(difference) AS DECIMAL(18, 2)) AS net_difference,
  CAST(sum(abs(difference)) AS DECIMAL(18, 2)) AS gross_difference
FROM lives
WHERE state = 'open'
GROUP BY ALL
ORDER BY ALL
