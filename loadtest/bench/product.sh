# shellcheck shell=bash disable=SC2034,SC2154 # what is set here and what is read is of scripts/bench and its other parts
# Views, search, quick add and imports, on a million tasks. Sourced by scripts/bench, never run.

# Tasks of the import, reminders that are due within a minute, and the connections of the other loads: a person and their devices, not a crowd.
imported=20000 reminders=100000 few=4

measure_product() {
  copy_database bench_product
  note '  a million tasks are made'
  sql bench_product -f "$bench/product.sql"
  sql bench_product -c 'VACUUM ANALYZE tasks, task_tags'
  serve product api,worker bench_product --set events.broker=memory
  measure_reading 1 PostgreSQL
  measure_quick
  measure_import 1 PostgreSQL
  measure_punctual
  measure_reminders
  stop_service
  measure_sqlite
}

# The same on the embedded database: three times as long is allowed.
measure_sqlite() {
  local url=sqlite:$root/product.db
  note '  a million tasks are made on SQLite'
  rm -f "$root"/product.db*
  "$todo" migrate --set "storage.url=$url" >/dev/null
  printf '%s\n' "$password" | "$todo" user create --email user1@example.org --set "storage.url=$url" --set "auth.keys_dir=$root/keys" >/dev/null
  sqlite3 -bail "$root/product.db" <"$bench/product-sqlite.sql" >/dev/null
  "$todo" migrate --set "storage.url=$url" >/dev/null # writes the words of what was put there without it
  serve sqlite api,worker '' --set events.broker=memory --set "storage.url=$url"
  curl -fsS --json "{\"email\":\"user1@example.org\",\"password\":\"$password\"}" "$api/sessions" | jq -er .access_token >"$root/tokens.sqlite"
  tokens=$root/tokens.sqlite measure_reading 3 SQLite
  tokens=$root/tokens.sqlite measure_import 3 SQLite
  stop_service
}

# measure_reading FACTOR DATABASE: how long lists, views, a filter and a search take, with FACTOR times the bars.
measure_reading() {
  local factor=$1 on=$2
  get_rows '/api/v1/tasks' $((10 * factor)) "list, $on" '/api/v1/tasks' '/api/v1/tasks?sort=-priority' '/api/v1/tasks?state=completed&sort=-completed' \
    "/api/v1/tasks?project=$(me)"
  get_rows '/api/v1/tasks' $((10 * factor)) "views: today, overdue, next seven days, $on" \
    '/api/v1/tasks?view=today' '/api/v1/tasks?view=overdue' '/api/v1/tasks?view=upcoming'
  get_rows '/api/v1/tasks' $((10 * factor)) "a filter, $on" '/api/v1/tasks?filter=done=false%20%26%26%20due%3Cnow%2B7d%20%26%26%20tag%20in%20(home,work)'
  get_rows '/api/v1/tasks/search' $((50 * factor)) "search, $on" '/api/v1/tasks/search?q=landlord' '/api/v1/tasks/search?q=pay%20bank' \
    '/api/v1/tasks/search?q=word482%20dentist' '/api/v1/tasks/search?q=dentsit'
}

me() { curl -fsS -H "Authorization: Bearer $(head -n1 "${tokens:-$root/tokens}")" "$api/me" | jq -er .id; }

# get_rows ROUTE BAR WHAT PATH…: how long a user with 10,000 tasks waits, each path in turn.
get_rows() {
  local route=$1 most=$2 what=$3 connections=$few
  shift 3
  printf '%s\n' "$@" >"$root/paths"
  http_load GET "$route" 200 2 get.lua "${tokens:-$root/tokens}" "$root/paths"
  http_load GET "$route" 200 10 get.lua "${tokens:-$root/tokens}" "$root/paths"
  local p95
  p95=$(jq -r .p95_ms <<<"$result")
  bar "$p95" '<' "$most"
  row "$what, 10,000 of 1 M tasks, $few connections" "p50 $(jq -r .p50_ms <<<"$result") ms, p95 $p95 ms" "$rate/s" '' "$said (ms)"
}

# The processor's time of the whole process, in milliseconds.
processor_ms() { awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); printf "%.0f", ($12 + $13) * 1000 / hz }' "/proc/$service_pid/stat"; }

measure_quick() {
  local before each line='Pay rent tomorrow 5pm every month !1 *errands remind me 30 min before'
  local request=(curl -fsS -o /dev/null --json "{\"text\":\"$line\",\"preview\":true}" -H "Authorization: Bearer $(head -n1 "$root/tokens")")
  "${request[@]}" "$api/tasks/quick?n=[1-20]"
  before=$(processor_ms)
  "${request[@]}" "$api/tasks/quick?n=[1-1000]"
  each=$(awk -v ms="$(($(processor_ms) - before))" 'BEGIN { printf "%.2f", ms / 1000 }')
  bar "$each" '<' 1
  row 'quick add, a preview: processor time of the whole request' "$each ms" '' '' "$said (ms)"
}

# measure_import FACTOR DATABASE
measure_import() {
  local token import began took rate
  token=$(sed -n '$p' "${tokens:-$root/tokens}")
  {
    echo TYPE,CONTENT,DESCRIPTION,PRIORITY,INDENT,AUTHOR,RESPONSIBLE,DATE,DATE_LANG,TIMEZONE
    seq "$imported" | sed 's/.*/task,Call the landlord & @errands,The radiator stays cold,2,1,,,2026-12-01,en,Europe\/Berlin/'
  } >"$root/import.csv"
  import=$(curl -fsS --data-binary "@$root/import.csv" -H 'Content-Type: text/csv' -H "Authorization: Bearer $token" \
    "$api/imports?fileName=Bench.csv" | jq -er .id)
  began=$(now_ms)
  curl -fsS -o /dev/null -X POST -H "Authorization: Bearer $token" "$api/imports/$import/start"
  until [[ $(curl -fsS -H "Authorization: Bearer $token" "$api/imports/$import" | jq -r .phase) == 'done' ]]; do
    (($(now_ms) - began < 120000)) || die "$imported tasks were not imported within two minutes"
    sleep 0.05
  done
  took=$(($(now_ms) - began))
  rate=$((imported * 1000 / took))
  bar "$rate" '>=' $((5000 / $1))
  row "import of $imported tasks of Todoist, $2" "$rate tasks/s" "in $(seconds "$took") s" '' "$said (tasks/s)"
}

# remind COUNT FROM TO: so many reminders, due FROM to TO seconds from now.
remind() {
  sql bench_product -c "INSERT INTO reminders (user_id, task_id, fire_at) SELECT user_id, id, now() + ($2 + random() * ($3 - $2)) * interval '1 second'
    FROM tasks WHERE id >= '0193a7c1-0000-7000-8000-100000000000' AND id < '0193a7c1-0000-7000-8000-200000000000' LIMIT $1"
}

# Waits until no reminder is left that is due.
await_fired() {
  local began left
  began=$(now_ms)
  while left=$(sql bench_product -c 'SELECT count(*) FROM reminders') && ((left > 0)); do
    (($(now_ms) - began < 300000)) || die "$left reminders did not fire within five minutes"
    sleep 0.1
  done
}

# lateness EVENTS: the 99th percentile of the last so many, seconds.
lateness() {
  sql bench_product -c "SELECT round(percentile_cont(0.99) WITHIN GROUP (ORDER BY
    extract(epoch FROM occurred_at - CAST(CAST(value AS jsonb) -> 'payload' ->> 'remindAt' AS timestamptz)))::numeric, 2)
    FROM (SELECT * FROM events WHERE event_type = 'REMINDER_FIRED' ORDER BY occurred_at DESC LIMIT $1) AS fired"
}

# A few that are due, as on any day.
measure_punctual() {
  remind 2000 2 12
  await_fired
  local late
  late=$(lateness 2000)
  bar "$late" '<' 1
  row '2,000 reminders within ten seconds' "p99 $late s late" '' '' "$said (s)"
}

# A hundred thousand of all accounts that are due within one minute, while a hundred people read ten times a second each:
# with the processors busy to the brim by design, a figure would tell of them alone.
measure_reminders() {
  local before during began took
  read_load 20 97
  before=$(jq -r .p99_ms <<<"$result")
  remind "$reminders" 5 65
  began=$(now_ms)
  read_load 65 97
  during=$(jq -r .p99_ms <<<"$result")
  await_fired
  took=$(($(now_ms) - began))
  bar "$((took / 1000))" '<' 75
  row "$reminders reminders due within a minute, while people read $rate times a second" "all fired $(seconds "$took") s after the first reading" \
    "p99 $(lateness "$reminders") s late" '' "$said (s)"
  bar "$during" '<' 10
  row 'reading one task meanwhile' "p99 $during ms" "p99 $before ms before" '' "$said (ms)"
}
