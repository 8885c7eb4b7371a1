-- 科目余额表: opening, debit, credit and closing of every account and sub-ledger of every book; balances debit positive.
SELECT
  context.city, context.month, trial.fund, funds.name AS fund_name, trial.books,
  coalesce(counties.name, context.city_name) AS books_name, trial.account, trial.title AS account_title,
  trial.tag AS sub_ledger, tag_titles.title AS sub_ledger_title, trial.opening AS opening_amount,
  trial.debit AS debit_amount, trial.credit AS credit_amount, trial.closing AS closing_amount
FROM trial_rows AS trial
JOIN funds ON funds.fund = trial.fund
JOIN tag_titles ON tag_titles.tag = split_part(trial.tag, ':', 1)
LEFT JOIN counties ON counties.code = trial.books
CROSS JOIN context
