-- 基金收支表: revenue and expenditure of the books of each county and the city, and of the city as a whole (consolidated).
SELECT
  context.city, context.month, said.fund, funds.name AS fund_name, said.books,
  CASE said.books WHEN 'consolidated' THEN '全市合并' ELSE coalesce(counties.name, context.city_name || '本级') END AS books_name,
  lines.position, said.line, said.title AS line_title, said.amount, said.year_to_date, context.figures
FROM statement_rows AS said
JOIN statement_lines AS lines ON lines.line = said.line
JOIN funds ON funds.fund = said.fund
LEFT JOIN counties ON counties.code = said.books
CROSS JOIN context
