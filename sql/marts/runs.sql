-- The run a month is published from, whether its figures are final, how the gate stood, and which month it carries from.
SELECT
  city, city_name, month, run_id, figures, reasons_zh, reasons_en, gate AS gate_state,
  nullif(override_by, '') AS override_by, nullif(override_reason, '') AS override_reason,
  nullif(carries_month, '') AS carries_month, nullif(carries_run_id, '') AS carries_run_id, notice, medpool_version
FROM context
