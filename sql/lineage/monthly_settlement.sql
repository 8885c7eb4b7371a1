-- The file rows behind each column of the monthly settlement table.
SELECT
  'monthly_settlement/' || context.city || '/' || context.month || '/' || fund || '/' || county AS row_id,
  column_name, amount, file_id, line_id, row_no
FROM settlement_rows, context
