-- The file rows behind each entry, by its flow: both sides of an entry are made of the same rows.
SELECT
  'ledger_entries/' || context.city || '/' || context.month || '/' || flow || '/' || books || '/' || fund || '/' || county
    || '/' || unnest(['debit', 'credit']) AS row_id,
  'amount' AS column_name, amount, file_id, line_id, row_no
FROM flow_rows, context
