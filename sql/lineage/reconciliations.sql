-- The file rows behind both totals of a pair and their difference.
SELECT
  'reconciliations/' || context.city || '/' || context.month || '/' || pair || '/' || fund || '/' || county AS row_id,
  unnest([side || '_total', 'difference']) AS column_name,
  unnest([amount, CASE side WHEN 'left' THEN amount ELSE -amount END]) AS amount,
  file_id, line_id, row_no
FROM sides, context
WHERE in_scope
