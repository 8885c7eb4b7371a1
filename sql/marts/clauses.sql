-- The clauses amounts refer to, as the notice (or a supplement laid over it) has them.
SELECT context.city, clauses.clause, clauses.notice, clauses.source, clauses.quote, clauses.gloss FROM clauses, context
