-- There is nothing to be put into an index later here.
SELECT 1;
