-- What files that came after a month was closed change in it; the closed month itself stays as it was.
SELECT
  context.city, context.month, found.of_month, found.fund, funds.name AS fund_name, found.county,
  counties.name AS county_name, found.item, found.item_name, found.closed_amount, found.adjusted_before,
  found.corrected_amount, found.adjustment, found.late_files, found.closed_run_id, found.corrected_run_id
FROM adjustment_rows AS found
JOIN funds ON funds.fund = found.fund
JOIN counties ON counties.code = found.county
CROSS JOIN context
