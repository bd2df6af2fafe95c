-- The contents that every measurement starts from: :users accounts with :tasks tasks each. An id's last twelve digits
-- say which one it is, so that a load generator can make it from a number: user 7 is …000000000007 above 100000000000.
-- All have the password of the account that was signed up through the API.
INSERT INTO users (id, email, email_key, password_hash, display_name, time_zone, locale, version, created_at, updated_at)
SELECT ('0193a7c0-0000-7000-8000-' || (100000000000 + n))::uuid, 'user' || n || '@example.org', 'user' || n || '@example.org',
  model.password_hash, 'User ' || n, 'UTC', 'en', 1, now(), now()
FROM generate_series(1, :users) AS n, (SELECT password_hash FROM users LIMIT 1) AS model;

INSERT INTO user_logs (user_id, shard, last_seq)
SELECT id, get_byte(uuid_send(id), 15) & 63, 0 FROM users WHERE email_key LIKE 'user%';

INSERT INTO tasks (id, user_id, title, description, priority, due_date, version, created_at, updated_at)
SELECT ('0193a7c1-0000-7000-8000-' || (100000000000 + n * 1000 + task))::uuid,
  ('0193a7c0-0000-7000-8000-' || (100000000000 + n))::uuid, 'Call the landlord about the heating, ' || lpad(task::text, 8, '0'),
  repeat('The radiator stays cold. ', 6), 2, '2026-12-01', 1, now(), now()
FROM generate_series(1, :tasks) AS task, generate_series(1, :users) AS n;
