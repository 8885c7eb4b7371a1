-- How often each step of a run was done, and how long it took (exact to the microsecond, shown in thousandths of a second).
SELECT
  *, CAST(CAST(date_diff('microsecond', started_at, ended_at) AS DECIMAL(18, 0)) * 0.000001 AS DECIMAL(12, 3)) AS seconds
FROM steps
ORDER BY started_at, run_id, step
