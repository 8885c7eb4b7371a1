-- 应记账: what the rules of this period instruct, entry by entry, in the books of both sides.
SELECT
  context.city, context.month, entries.entry_id, entries.fund, entries.books,
  coalesce(units.name, context.city_name) AS books_name, entries.county, entries.date AS entry_date,
  entries.period AS booked_in, entries.belongs_to, entries.account, account_titles.title AS account_title,
  entries.tag AS sub_ledger, entries.side, entries.amount, entries.source AS entry_source, entries.flow,
  flow_titles.title AS flow_title, entries.transfer_id, entries.rule AS rule_id, entries.clause, entries.corrects,
  entries.note AS entry_note
FROM instructed_rows AS entries
JOIN account_titles ON account_titles.account = entries.account
LEFT JOIN flow_titles ON flow_titles.flow = entries.flow
LEFT JOIN counties AS units ON units.code = entries.books
CROSS JOIN context
