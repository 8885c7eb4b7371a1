-- The life of every break, as the control database has it.
SELECT * FROM lives
