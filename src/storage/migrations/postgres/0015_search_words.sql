-- What is searched on SQLite is written by the program from here on; here a trigger keeps it.
SELECT 1;
