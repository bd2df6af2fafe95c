-- Full text search here has the user's id as a word of its own already.
SELECT 1;
