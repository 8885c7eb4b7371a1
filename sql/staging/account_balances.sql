-- What each account brought forward and carried forward, a row an account, with the statement's first row as the place to look.
SELECT
  own.number AS account_no,
  own.kind,
  own.fund,
  own.county AS unit,
  min(statement.opening_balance) AS opening_balance,
  min(statement.closing_balance) AS closing_balance,
  min(statement.file_id) AS file_id,
  min(statement.line_id) AS line_id,
  min(statement.row_no) AS row_no
FROM account_statement AS statement
JOIN accounts AS own ON own.number = statement.account_no
GROUP BY ALL
