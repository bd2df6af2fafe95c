-- The same million tasks on SQLite, of the one account that there is and of ten thousand that are rows only; the
-- program writes the words that are searched.
PRAGMA synchronous = off;
CREATE TEMP TABLE people AS
SELECT id, 10000 AS tasks FROM users
UNION ALL SELECT randomblob(16), 99 FROM generate_series(1, 9999);

INSERT INTO tasks (id, user_id, title, description, priority, project_id, position, tags, due_date, completed_at, version, created_at, updated_at)
SELECT randomblob(16), people.id,
  json_extract('["Call","Write to","Pay","Visit","Ask","Thank","Remind","Invite"]', '$[' || (n.value % 8) || ']') || ' '
    || json_extract('["the landlord","the bank","mother","the dentist","the school","Anna","the club"]', '$[' || (n.value % 7) || ']')
    || ' about ' || n.value,
  'Number ' || (n.value % 503) || ': ' || (SELECT group_concat('word' || ((abs(random()) % 100) * (abs(random()) % 100) * (abs(random()) % 100) / 1000), ' ')
    FROM generate_series(1, 20 + n.value % 3)), n.value % 5, people.id, printf('%08xi', n.value),
  CASE WHEN n.value % 10 = 0 THEN '["home"]' END, CASE WHEN n.value % 4 = 0 THEN date('now', (n.value % 400 - 30) || ' days') END,
  CASE WHEN n.value % 7 = 0 THEN strftime('%Y-%m-%dT%H:%M:%S+00:00', 'now', -n.value || ' minutes') END, 1,
  strftime('%Y-%m-%dT%H:%M:%S+00:00', 'now', -n.value || ' minutes'), strftime('%Y-%m-%dT%H:%M:%S+00:00', 'now')
FROM people, generate_series(1, people.tasks) AS n;

INSERT INTO task_tags (user_id, name_key, task_id) SELECT user_id, 'home', id FROM tasks WHERE tags IS NOT NULL;
ANALYZE;
