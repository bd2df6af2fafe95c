-- A backlog of :events events of :users users in turn, none published yet; each is the model event with other ids.
CREATE TEMPORARY TABLE model AS
SELECT event_id, topic, event_type, subject_id, channel, traceparent, value, user_id FROM events WHERE topic = 'todo-events' LIMIT 1;
TRUNCATE outbox, events, user_logs;

INSERT INTO user_logs (user_id, shard, last_seq)
SELECT id, get_byte(uuid_send(id), 15) & 63, :events / :users
FROM generate_series(1, :users) AS n, CAST('0193a7c0-0000-7000-8000-' || (100000000000 + n) AS uuid) AS id;

INSERT INTO events (user_id, seq, event_id, topic, event_type, subject_id, channel, traceparent, occurred_at, value)
SELECT CAST(owner AS uuid), seq, CAST(id AS uuid), model.topic, model.event_type, CAST(subject AS uuid), model.channel,
  model.traceparent, clock_timestamp(), replace(replace(replace(model.value, model.user_id::text, owner), model.event_id::text, id), model.subject_id::text, subject)
FROM model, generate_series(1, :events / :users) AS seq, generate_series(1, :users) AS n,
  CAST('0193a7c0-0000-7000-8000-' || (100000000000 + n) AS text) AS owner,
  CAST('0193a7c2-0000-7000-8000-' || (100000000000 + seq * :users + n) AS text) AS id,
  CAST('0193a7c3-0000-7000-8000-' || (100000000000 + seq * :users + n) AS text) AS subject;

INSERT INTO outbox (shard, user_id, seq)
SELECT log.shard, log.user_id, seq FROM generate_series(1, :events / :users) AS seq, user_logs AS log ORDER BY seq, log.user_id;
VACUUM ANALYZE events, outbox, user_logs;
