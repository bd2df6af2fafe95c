# shellcheck shell=bash disable=SC2034 # what is set here is read by scripts/bench
# The two loads, the service's and pgbench's, and the rounds in which they take turns. Sourced by scripts/bench, never run.

: "${root:?}" "${top:?}" "${api_port:?}" "${connections:?}" "${users:?}" "${tasks:?}" "${postgres_port:?}"
bench=$top/loadtest/bench

# bounded SECONDS OUTPUT COMMAND…: so that no load outlives its time or this script; a signal is answered at once.
bounded() {
  local limit=$1 output=$2 code=0
  shift 2
  timeout --kill-after=5 "$limit" "$@" >"$output" 2>&1 9>&- &
  load_pid=$!
  wait "$load_pid" || code=$?
  load_pid=''
  ((code == 0)) || failed "$output" "the load ended with code $code"
}

# replies METHOD ROUTE: "status count" a line, by the service's own histogram.
replies() {
  metrics | sed -n "s|^http_server_request_duration_seconds_count{http_request_method=\"$1\",http_route=\"$2\",http_response_status_code=\"\([0-9]*\)\"} \([0-9]*\)\$|\1 \2|p"
}

# check_replies STATUS RESULT BEFORE AFTER: every single answer had this status. wrk counts what it got; the service counts
# also those, at most one a connection, that were under way when wrk closed its connections.
check_replies() {
  local wanted=$1 result=$2 got refused broken right=0 status count seen
  read -r got refused broken < <(jq -r '"\(.requests) \(.refused) \(.broken)"' <<<"$result")
  ((refused == 0 && broken == 0)) || die "the service refused $refused requests and $broken broke: no figure can be had from that (log: $root/service)"
  while read -r status count; do
    seen=$(awk -v status="$status" '$1 == status { print $2 }' <<<"$3")
    count=$((count - ${seen:-0}))
    if [[ $status == "$wanted" ]]; then right=$count; fi
    [[ $status == "$wanted" ]] || ((count == 0)) || die "$count answers had the status $status instead of $wanted"
  done <<<"$4"
  ((right >= got && right <= got + connections)) || die "wrk got $got answers, the service gave $right with the status $wanted"
  answered=$((${answered:-0} + right))
}

# http_load METHOD ROUTE STATUS SECONDS SCRIPT ARGUMENT…: sets $result, one line of JSON, and $rate, requests a second.
http_load() {
  local method=$1 route=$2 status=$3 seconds=$4 before after
  shift 4
  before=$(replies "$method" "$route")
  bounded $((seconds + 20)) "$root/wrk.out" \
    wrk --threads 1 --connections "$connections" --duration "${seconds}s" --timeout 10s --script "$bench/$1" \
    "http://127.0.0.1:$api_port" -- "${@:2}"
  result=$(grep '^{' "$root/wrk.out") || failed "$root/wrk.out" 'wrk gave no result'
  alive
  sleep 0.3 # what was under way is answered
  after=$(replies "$method" "$route")
  check_replies "$status" "$result" "$before" "$after"
  rate=$(jq -r '.requests / .seconds | . * 10 | round / 10' <<<"$result")
}

# A number that no other load of this run has, so that no key comes twice.
runs=0
next_run() { runs=$((runs + 1)) && printf -v run '%08d' "$runs"; }

create_load() {
  next_run
  http_load POST /api/v1/tasks 201 "$1" create.lua "$root/tokens" "$run" "${@:2}"
}

# read_load SECONDS [PAUSE]
read_load() { http_load GET '/api/v1/tasks/{id}' 200 "$1" read.lua "$root/tokens" "$tasks" "${@:2}"; }

# pgbench_load DATABASE SCRIPT SECONDS: sets $rate, transactions a second.
pgbench_load() {
  local out=$root/pgbench.out
  mapfile -d '' -t variables <"$root/$2.variables"
  bounded $(($3 + 30)) "$out" env PGPASSWORD=todo "$(postgres_bin)/pgbench" -h 127.0.0.1 -p "$postgres_port" -U todo \
    --no-vacuum --protocol=prepared --client="$connections" --jobs=2 --time="$3" --file="$root/$2.sql" \
    -D "users=$users" -D "tasks=$tasks" -D "ms=$(now_ms)" -D step=0 "${variables[@]}" "$1"
  grep -q '^number of failed transactions: 0 ' "$out" || failed "$out" 'pgbench had failed transactions'
  done_by_pgbench=$((${done_by_pgbench:-0} + $(sed -n 's/^number of transactions actually processed: \([0-9]*\).*/\1/p' "$out")))
  rate=$(sed -n 's/^tps = \([0-9]*\.[0-9]\)[0-9]* (without initial connection time)$/\1/p' "$out")
  [[ $rate ]] || failed "$out" 'pgbench gave no rate'
}

# in_turn NAME ROUNDS SERVICE PGBENCH: both loads (or another in the place of pgbench's), one after the other, the order
# changing from round to round; each starts after a checkpoint, so that none pays for the other's pages. Sets $ratios,
# $service_rates, $pgbench_rates, a number a line each.
in_turn() {
  local name=$1 rounds=$2 service_load=$3 pgbench_load=$4 round load by_service by_pgbench order
  ratios='' service_rates='' pgbench_rates=''
  for ((round = 1; round <= rounds; round++)); do
    order=("$service_load" "$pgbench_load")
    if ((round % 2 == 0)); then order=("$pgbench_load" "$service_load"); fi
    for load in "${order[@]}"; do
      super postgres -c CHECKPOINT
      "$load"
      if [[ $load == "$service_load" ]]; then by_service=$rate; else by_pgbench=$rate; fi
    done
    ratios+=$(awk -v a="$by_service" -v b="$by_pgbench" 'BEGIN { printf "%.3f", a / b }')$'\n'
    service_rates+=$by_service$'\n'
    pgbench_rates+=$by_pgbench$'\n'
    note "  $name, round $round of $rounds: $by_service/s, beside it $by_pgbench/s, ratio $(tail -n1 <<<"${ratios%$'\n'}")"
  done
}

# summary NUMBERS [FORMAT]: "median (least to most)".
summary() {
  local format=${2:-%.2f}
  sort -g <<<"${1%$'\n'}" | awk -v f="$format" '{ n[NR] = $1 }
    END { m = NR % 2 ? n[(NR + 1) / 2] : (n[NR / 2] + n[NR / 2 + 1]) / 2; printf f " (" f " to " f ")", m, n[1], n[NR] }'
}

median() { summary "$1" "${2:-%.3f}" | cut -d' ' -f1; }
