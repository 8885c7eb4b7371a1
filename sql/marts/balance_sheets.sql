-- 资产负债表: assets, liabilities and fund balance of each book at the end of the period, and of the city as a whole. A result that
-- is not closed yet is a row without an account.
SELECT
  context.city, context.month, said.fund, funds.name AS fund_name, said.books,
  CASE said.books WHEN 'consolidated' THEN '全市合并' ELSE coalesce(counties.name, context.city_name || '本级') END AS books_name,
  said.part AS sheet_part, said.account, said.title AS account_title, said.amount, context.figures
FROM sheet_rows AS said
JOIN funds ON funds.fund = said.fund
LEFT JOIN counties ON counties.code = said.books
CROSS JOIN context
