-- How far each consumer is with each user's events of a topic. Its lock orders what is done to one user's events.
CREATE TABLE inbox (
    consumer text   NOT NULL,
    topic    text   NOT NULL,
    user_id  blob   NOT NULL,
    -- The last event that was applied, or that consumer_retries or dead_letters has: earlier ones are duplicates.
    last_seq integer NOT NULL,
    -- How many events of this user wait in consumer_retries: while there are any, later ones wait behind them.
    waiting  integer NOT NULL,
    PRIMARY KEY (consumer, topic, user_id)
);

-- Events whose effect failed and is tried again, and those of the same user that wait behind them.
CREATE TABLE consumer_retries (
    consumer        text        NOT NULL,
    topic           text        NOT NULL,
    user_id         blob        NOT NULL,
    seq             integer      NOT NULL,
    partition       integer      NOT NULL,
    record_offset   integer      NOT NULL,
    headers         text        NOT NULL,
    value           blob       NOT NULL,
    attempts        integer      NOT NULL,
    error           text        NOT NULL,
    first_failed_at text,
    -- NULL: waits behind an earlier one.
    due_at          text,
    PRIMARY KEY (consumer, topic, user_id, seq)
);
CREATE INDEX consumer_retries_due ON consumer_retries (consumer, due_at) WHERE due_at IS NOT NULL;

-- What a consumer gave up. The topic <topic>.dlq has a copy; what is decided about a letter is decided here.
CREATE TABLE dead_letters (
    id              blob        PRIMARY KEY,
    consumer        text        NOT NULL,
    topic           text        NOT NULL,
    partition       integer      NOT NULL,
    record_offset   integer      NOT NULL,
    -- NULL where the message could not be decoded.
    user_id         blob,
    seq             integer,
    record_key      blob,
    value           blob,
    headers         text        NOT NULL,
    attempts        integer      NOT NULL,
    error           text        NOT NULL,
    first_failed_at text NOT NULL,
    last_failed_at  text NOT NULL,
    -- dead, redriven or discarded
    state           text        NOT NULL,
    published_at    text
);
CREATE INDEX dead_letters_state ON dead_letters (state, topic, user_id, seq);
CREATE INDEX dead_letters_origin ON dead_letters (consumer, topic, partition, record_offset);
CREATE INDEX dead_letters_unpublished ON dead_letters (id) WHERE published_at IS NULL;
