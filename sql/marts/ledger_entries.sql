-- The double entries of the month's flows: for each a debit and a credit of the same amount in the same books and fund.
SELECT
  'ledger_entries/' || context.city || '/' || context.month || '/' || entries.flow || '/' || entries.books || '/'
    || entries.fund || '/' || entries.county || '/' || entries.side AS row_id,
  context.city, context.month, entries.flow, flow_titles.title AS flow_title, entries.books,
  coalesce(counties.name, context.city_name) AS books_name, entries.fund, entries.county, entries.side,
  entries.account, account_titles.title AS account_title, entries.amount, entries.clause
FROM posted_rows AS entries
JOIN flow_titles ON flow_titles.flow = entries.flow
JOIN account_titles ON account_titles.account = entries.account
LEFT JOIN counties ON counties.code = entries.books
CROSS JOIN context
-- What corrects a closed month stands in ledger_posted: it is no movement of this one.
WHERE entries.source = 'executed' AND entries.corrects = ''
