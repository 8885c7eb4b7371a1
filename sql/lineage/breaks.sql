-- The file rows behind both amounts of a break and its difference.
SELECT
  'breaks/' || context.city || '/' || context.month || '/' || pair || '/' || fund || '/' || county || '/'
    || CASE WHEN item_key = '' THEN 'sum' ELSE item_key END AS row_id,
  unnest([side || '_amount', 'difference']) AS column_name,
  unnest([amount, CASE side WHEN 'left' THEN amount ELSE -amount END]) AS amount,
  file_id, line_id, row_no
FROM sides, context
WHERE in_scope
