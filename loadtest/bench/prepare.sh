# shellcheck shell=bash
# What is made before anything is measured: accounts and their tokens, and pgbench's scripts from the statements that the
# service sends. Sourced by scripts/bench, never run.

: "${root:?}" "${todo:?}" "${bench:?}" "${api_port:?}" "${users:?}" "${tasks:?}"
api=http://127.0.0.1:$api_port/api/v1
password='correct horse battery'

# The database that the others are copies of. While it is made, the server logs what it is asked to execute.
make_start() {
  sql postgres -c 'CREATE DATABASE bench_start'
  super postgres -c "ALTER DATABASE bench_start SET log_statement = 'all'"
  "$todo" migrate --set "storage.url=$(database_url bench_start)" >/dev/null
  serve start api bench_start
  curl -fsS -o /dev/null --json "{\"email\":\"model@example.org\",\"password\":\"$password\"}" "$api/users"
  sql bench_start -v users="$users" -v tasks="$tasks" -f "$bench/start.sql"
  note "  $users accounts sign in"
  sign_in
  capture
  stop_service
  sql bench_start -c 'TRUNCATE outbox' -c 'VACUUM ANALYZE tasks, users, user_logs, events, idempotency_keys'
  super postgres -c 'ALTER DATABASE bench_start RESET log_statement'
}

# A token for each account, a line each, through the API: one connection, a few at a time.
sign_in() {
  local n folder=$root/sign-in
  rm -rf "$folder"
  mkdir "$folder"
  for ((n = 1; n <= users; n++)); do
    if ((n > 1)); then echo next; fi
    printf 'url = "%s/sessions"\njson = "{\\"email\\":\\"user%d@example.org\\",\\"password\\":\\"%s\\"}"\noutput = "%s/%d"\n' \
      "$api" "$n" "$password" "$folder" "$n"
  done >"$folder.curl"
  curl -sS --no-progress-meter --fail-early --parallel --parallel-max 4 --max-time 120 -K "$folder.curl" >"$folder.log" 2>&1 ||
    failed "$folder.log" 'the accounts could not sign in'
  # shellcheck disable=SC2046 # numbers
  (cd "$folder" && jq -er .access_token $(seq "$users")) >"$root/tokens"
  [[ $(wc -l <"$root/tokens") == "$users" ]] || die 'not every account got a token'
  rm -rf "$folder"
}

# One task made and read through the API, and the two statements as PostgreSQL got them: what pgbench runs is by
# construction what this version of the service runs.
capture() {
  local token task body key=00000000-0000-4000-8000-000000000000
  token=$(head -n1 "$root/tokens")
  body='{"title":"Call the landlord about the heating, 00000000","description":"The radiator in the bedroom stays cold since Monday. Ask for an appointment before the weekend; the number is on the lease, third page.","priority":"medium","dueDate":"2026-12-01"}'
  task=$(curl -fsS --json "$body" -H "Authorization: Bearer $token" -H "Idempotency-Key: $key" "$api/tasks" | jq -er .id)
  curl -fsS -o /dev/null -H "Authorization: Bearer $token" "$api/tasks/$task"
  model_of "$task" >"$root/create.variables"
  : >"$root/read.variables"
  make_script create 'INSERT INTO idempotency_keys .*INSERT INTO tasks '
  # shellcheck disable=SC2016 # $1 is PostgreSQL's
  make_script read 'SELECT .* FROM tasks AS t WHERE t.user_id = \$1 AND t.id = \$2$'
}

# The values that the service wrote for that task, as -D options of pgbench with a NUL after each.
model_of() {
  sql bench_start -c "SELECT jsonb_build_object('topic', e.topic, 'event_type', e.event_type, 'channel', e.channel,
      'traceparent', e.traceparent, 'value', e.value, 'title', t.title, 'description', t.description, 'priority', t.priority,
      'due_date', t.due_date, 'status', k.status, 'headers', k.headers, 'body', k.body)
    FROM tasks AS t JOIN events AS e ON e.subject_id = t.id JOIN idempotency_keys AS k ON k.user_id = t.user_id WHERE t.id = '$1'" |
    jq -j 'to_entries[] | "-D\u0000\(.key)=\(.value)\u0000"'
}

# make_script NAME PATTERN: the statement that fits, with NAME.parameters in the places of $1, $2, …
make_script() {
  local statement parameters n
  statement=$(sed -n 's/.* LOG:  execute [^:]*: //p' "$root/postgres/log" | sort -u | grep -E "$2") || die "PostgreSQL's log has no $1 statement"
  [[ $statement && $statement != *$'\n'* ]] || die "the service's $1 statement is not one line of PostgreSQL's log: $statement"
  mapfile -t parameters <"$bench/$1.parameters"
  [[ $(grep -o '\$[0-9]*' <<<"$statement" | sort -u | wc -l) == "${#parameters[@]}" ]] ||
    die "$1.parameters has ${#parameters[@]} lines, the service's statement another number of parameters: $statement"
  for ((n = ${#parameters[@]}; n > 0; n--)); do statement=${statement//\$$n/"${parameters[n - 1]}"}; done
  { cat "$bench/$1.pgbench" && printf '%s;\n' "$statement"; } >"$root/$1.sql"
}

# check_rows DATABASE TASKS UNANSWERED: so many were created, each with its key and its event. Up to UNANSWERED more may be
# there: a write goes on though its client has gone. An outbox that a relay emptied is empty.
check_rows() {
  local created kept logged waiting
  IFS='|' read -r created kept logged waiting < <(sql "$1" -c "SELECT (SELECT count(*) FROM tasks) - $users * $tasks - 1,
    (SELECT count(*) FROM idempotency_keys) - 1, (SELECT count(*) FROM events WHERE topic = 'todo-events') - 1,
    (SELECT count(*) FROM outbox)")
  ((created >= $2 && created <= $2 + $3 && kept == created && logged == created && (waiting == created || waiting == 0))) ||
    die "$2 tasks were to be created in $1; there are $created, $kept keys, $logged events, $waiting of them in the outbox"
}
