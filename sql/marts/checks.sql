-- Every check of every file as Great Expectations judged it.
SELECT context.city, context.month, verdicts.file_id, verdicts.check_id, verdicts.severity, verdicts.failing, verdicts.met
FROM verdicts, context
