-- Every row a check found fault with, a row for each such check: where it is, what stands there, what was expected, what
-- to do. The value of a column that identifies a person is not shown; the row itself stays whole in the staged files.
SELECT
  context.city, context.month, rows.file_id, files.file_name, blocks.sheet, rows.row_no, rows.check_id,
  definitions.severity, definitions.column_headers, rows.found, definitions.expected_zh, definitions.expected_en,
  definitions.do_zh, definitions.do_en
FROM failing_rows AS rows
JOIN files ON files.file_id = rows.file_id
JOIN file_blocks AS blocks
  ON blocks.file_id = rows.file_id AND rows.line_id >= blocks.first_line AND rows.line_id < blocks.behind
JOIN definitions ON definitions.contract = files.contract AND definitions.check_id = rows.check_id
CROSS JOIN context
