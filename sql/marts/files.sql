-- What a month received, what became of each file, and what it still lacks: rows read = accepted + set aside.
SELECT
  context.city, context.month, files.file_id, files.file_name, files.contract, files.contract_title, files.owner,
  files.part, files.outcome, files.problem_zh, files.problem_en,
  files.rows_read,
  CASE WHEN files.outcome LIKE 'accepted%' THEN files.rows_read - files.rows_set_aside ELSE 0 END AS rows_accepted,
  files.rows_set_aside,
  files.sha256
FROM files, context
