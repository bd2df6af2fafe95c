-- What the views and the search are measured on: a million tasks of ten thousand people, of which user1 has ten thousand.
-- The others are rows without accounts: they only fill the tables and the indexes. A description has some twenty words of a
-- thousand, a few of them in most tasks and most of them in few, as words are.
CREATE TEMP TABLE people AS
SELECT ('0193a7c0-0000-7000-8000-' || (100000000000 + n))::uuid AS id, CASE WHEN n = 1 THEN 10000 ELSE 99 END AS tasks
FROM generate_series(1, 10000) AS n;

INSERT INTO tasks (id, user_id, title, description, priority, project_id, position, tags, due_date, completed_at, version, created_at, updated_at)
SELECT gen_random_uuid(), people.id,
  (ARRAY['Call', 'Write to', 'Pay', 'Visit', 'Ask', 'Thank', 'Remind', 'Invite'])[1 + n % 8] || ' '
    || (ARRAY['the landlord', 'the bank', 'mother', 'the dentist', 'the school', 'Anna', 'the club'])[1 + n % 7] || ' about ' || n,
  'Number ' || (n % 503) || ': ' || (SELECT string_agg('word' || floor(1000 * power(random(), 3))::int, ' ') FROM generate_series(1, 20 + n % 3)), n % 5, people.id, lpad(to_hex(n), 8, '0') || 'i',
  CASE WHEN n % 10 = 0 THEN '["home"]' END, CASE WHEN n % 4 = 0 THEN current_date - 30 + n % 400 END,
  CASE WHEN n % 7 = 0 THEN now() - n * interval '1 minute' END, 1, now() - n * interval '1 minute', now()
FROM people, generate_series(1, people.tasks) AS n;

INSERT INTO task_tags (user_id, name_key, task_id) SELECT user_id, 'home', id FROM tasks WHERE tags IS NOT NULL;
