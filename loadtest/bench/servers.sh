# shellcheck shell=bash
# The bench's servers: PostgreSQL, Kafka and the service, each in a folder of its own below $root. Sourced by
# scripts/bench after scripts/lib.sh and tests/servers/lib.sh, never run.

# shellcheck source=tests/servers/lib.sh
[[ -n ${servers:-} ]] || . "${BASH_SOURCE[0]%/*}/../../tests/servers/lib.sh"

# What the variables hold that scripts/bench sets.
: "${root:?}" "${todo:?}" "${api_port:?}" "${admin_port:?}"
# The same whichever port a service has: the tokens are good for all of them.
issuer=http://127.0.0.1:$api_port

# sql DATABASE OPTION…: as the service's role; super: as the superuser.
sql() { PGPASSWORD=todo "$(postgres_bin)/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$postgres_port" -U todo -d "$@"; }
super() { PGPASSWORD=todo "$(postgres_bin)/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$postgres_port" -U postgres -d "$@"; }

# copy_database NAME: a database with the contents that every measurement starts from.
copy_database() { sql postgres -c 'SET client_min_messages = warning' -c "DROP DATABASE IF EXISTS $1" -c "CREATE DATABASE $1 TEMPLATE bench_start"; }

database_url() { printf 'postgres://todo:todo@127.0.0.1:%s/%s' "$postgres_port" "$1"; }

# serve NAME ROLES DATABASE [--set KEY=VALUE]…: starts the service, waits until it is ready; sets $service_pid. What is
# set differs from the defaults in where things are and in the limits of one user and one address, which the load would
# meet at once. All the rest is as it is shipped.
serve() {
  local name=$1 roles=$2 database=$3
  shift 3
  service=$name
  open_folder "$root/service"
  free_port "$api_port" TODO_BENCH_HTTP_PORT
  free_port "$admin_port" TODO_BENCH_HTTP_PORT
  : >"$data/$name.log"
  # shellcheck disable=SC2016 # for the shell in between, which becomes the service
  launch "$data/$name.pid" "$data/$name.log" bash -c 'exec "${@:2}" >>"$1"' - "${lines:-/dev/stdout}" "$todo" serve --roles "$roles" \
    --set "http.listen=127.0.0.1:$api_port" --set "http.admin_listen=127.0.0.1:$admin_port" --set http.drain_pause_ms=0 \
    --set "storage.url=$(database_url "$database")" --set "auth.keys_dir=$data/keys" --set "auth.issuer=$issuer" --set auth.access_token_seconds=86400 \
    --set limits.user_per_minute=10000000 --set limits.user_burst=10000000 --set limits.address_per_minute=10000000 \
    --set limits.address_burst=10000000 --set limits.sign_in_account_per_minute=10000000 \
    --set limits.sign_in_address_per_minute=10000000 "$@"
  await "$data/$name.pid" "$data/$name.log" 30 curl -fsS "http://127.0.0.1:$admin_port/readyz"
  running "$data/$name.pid"
  service_pid=$running_pid
}

stop_service() {
  [[ -n ${service:-} ]] || return 0
  halt "$root/service/$service.pid" TERM 30
  service=''
}

# alive: the service must not have died under the load.
alive() { running "$root/service/$service.pid" || failed "$root/service/$service.log" "the service ended"; }

# on_cores LIST PIDFILE: a process with all its threads, and what they start from here on. Once more where one of them ended
# just then, which taskset takes for a failure.
on_cores() {
  local tries=5
  running "$2" || die "no process runs of $2"
  until taskset --all-tasks --cpu-list --pid "$1" "$running_pid" >/dev/null 2>&1; do
    ((tries-- > 0)) || die "process $running_pid cannot be bound to the cores $1"
    sleep 0.1
  done
}

metrics() { curl -fsS --max-time 10 "http://127.0.0.1:$admin_port/metrics"; }

# memory FIELD: megabytes of the service; VmRSS is now, VmHWM the most there ever was.
memory() { awk -v field="$1:" '$1 == field { printf "%.1f", $2 / 1024 }' "/proc/$service_pid/status"; }

# end_servers [SIGNAL]: ends all of it, whatever state it is in.
end_servers() {
  local code=0 pidfile server
  if [[ -n ${load_pid:-} ]]; then kill "$load_pid" 2>/dev/null || true; fi
  for pidfile in "$root"/service/*.pid "$root"/silent/pid "$root"/lines/pid; do # also what a run left behind that was killed
    [[ ! -e $pidfile ]] || halt "$pidfile" KILL 10 || code=1
  done
  for server in loki collector jaeger kafka; do "$servers/$server/stop" "$root/$server" KILL || code=1; done
  "$servers/postgres/stop" "$root/postgres" "${1:-INT}" || code=1
  return "$code"
}

# With the optimising compiler, as brokers have it in production: the tests do without, which is quick to start and slow to run.
start_kafka() {
  export TODO_TEST_KAFKA_JAVA='-Xms512m -Xmx512m -XX:+UseSerialGC'
  "$servers/kafka/start" "$root/kafka"
  "$todo" topics ensure --set events.broker=kafka --set "kafka.brokers=$(kafka_brokers)" >"$root/topics.log" 2>&1 ||
    failed "$root/topics.log" 'the topics could not be made'
}

# kafka_messages: how many messages todo-events holds, counted by Kafka's own tool.
kafka_messages() {
  "$servers/kafka/client" offsets --topic todo-events 2>"$root/offsets.log" | awk -F: '{ all += $3 } END { print all + 0 }'
}
