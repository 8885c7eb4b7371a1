-- Every decision on what is reviewed, in the order they were made.
SELECT * FROM decided ORDER BY decided_at
