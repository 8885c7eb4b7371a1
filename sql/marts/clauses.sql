-- The clauses amounts refer to, as the notice has them.
SELECT context.city, clauses.clause, context.notice, clauses.source, clauses.quote, clauses.gloss FROM clauses, context
