-- What writes leave for the indexes of search is put into them by a write that finds too much of it, and whoever commits
-- then waits: with PostgreSQL's 4 MB it took tenths of a second every few seconds, and the slowest hundredth of events was
-- a quarter later than now. A search, which reads what is left, has less to read too.
ALTER INDEX tasks_words SET (gin_pending_list_limit = 256);
ALTER INDEX tasks_letters SET (gin_pending_list_limit = 256);
