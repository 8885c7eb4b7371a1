-- When the counties' files of the published months came, and whether in time.
SELECT * FROM punctuality
