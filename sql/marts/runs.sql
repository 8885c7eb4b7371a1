-- The run a month is published from, and whether its figures are final.
SELECT city, city_name, month, run_id, figures, reasons_zh, reasons_en, notice, medpool_version FROM context
