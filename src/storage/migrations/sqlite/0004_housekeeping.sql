-- When it was decided about a letter: how long it is kept counts from here.
ALTER TABLE dead_letters ADD COLUMN decided_at text;
CREATE INDEX dead_letters_decided ON dead_letters (coalesce(decided_at, last_failed_at)) WHERE state <> 'dead';

-- What is left of erased accounts is found by the user.
CREATE INDEX dead_letters_user ON dead_letters (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX inbox_user ON inbox (user_id);
CREATE INDEX user_logs_erased ON user_logs (user_id) WHERE erased_at IS NOT NULL;
