-- SQLite estimates nothing of the kind.
SELECT 1;
