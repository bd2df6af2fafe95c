# shellcheck shell=bash disable=SC2034,SC2154 # what is set here and what is read is of scripts/bench and its other parts
# What telemetry costs: the service with all of it beside the service with none. Sourced by scripts/bench, never run.

# Logs as JSON and in Loki, every trace to the collector and from there to Jaeger, metrics read every five seconds; or nothing
# but the metrics, which cannot be switched off. The service and PostgreSQL have one core, and what takes the telemetry the
# other one with the load: what Loki, the collector and who reads the log cost is theirs, not the service's.
measure_telemetry() {
  local sink lines=$root/lines/pipe
  for sink in jaeger collector loki; do
    "$servers/$sink/start" "$root/$sink"
    on_cores 1 "$root/$sink/pid"
  done
  lines_start
  on_cores 0 "$root/postgres/pid"
  copy_database bench_telemetry
  cost_row read all 'read one task, with all telemetry and every trace'
  cost_row create all 'create a task, with all telemetry and every trace'
  cost_row read tenth 'read one task, with all telemetry as in production'
  cost_row create tenth 'create a task, with all telemetry as in production'
  silent_start
  fault_row silent 'a create with Loki silent and the collector gone'
  fault_row unread 'a create while nobody reads the metrics'
  halt "$root/silent/pid" TERM 10
  halt "$root/lines/pid" TERM 10
  for sink in loki collector jaeger; do "$servers/$sink/stop" "$root/$sink"; done
  on_cores "0-$(($(nproc) - 1))" "$root/postgres/pid"
}

# cost_row LOAD TELEMETRY WHAT
cost_row() {
  in_short_turns "telemetry, $1, $2" 40 2 "service_$1" "$2" none
  bar "$(median "$ratios")" '>=' 0.9
  row "$3, beside none" "$(summary "$service_rates" %.0f)/s" "none: $(summary "$pgbench_rates" %.0f)/s" "$(summary "$ratios")" "$said"
}

# fault_row FAULT WHAT: the 99th percentile of a pace that leaves room, with a fault beside none.
fault_row() {
  in_short_turns "$2" 15 3 late_create "$1" all
  bar "$(median "$ratios")" '<=' 1.2
  row "$2, p99" "$(summary "$service_rates" %.1f) ms" "without: $(summary "$pgbench_rates" %.1f) ms" "$(summary "$ratios")" "$said"
}

# in_short_turns NAME ROUNDS SECONDS LOAD ONE OTHER: two services run all the while, each with a telemetry of its own, and
# take turns at the load. This machine is faster in one minute than in the next: what is compared is measured within seconds.
in_short_turns() {
  local seconds=$3 turn=$4 scrapers=() # a load by another name: in_turn has a "load" of its own
  start one "$5"
  elsewhere start other "$6"
  turn_of_one # warm-ups, which count for nothing
  turn_of_other
  in_turn "$1" "$2" turn_of_one turn_of_other
  ((${#scrapers[@]} == 0)) || kill "${scrapers[@]}"
  service=one stop_service
  service=other stop_service
  service=''
}

turn_of_one() { service=one && "$turn"; }
turn_of_other() { service=other && elsewhere "$turn"; }

# elsewhere COMMAND…: with the ports of the other service.
elsewhere() {
  local port=$((api_port + 60))
  local api_port=$port admin_port=$((port + 1))
  "$@"
}

# start NAME TELEMETRY
start() {
  local flags=(--set telemetry.log_format=json --set telemetry.log_filter=info) ratio=1.0
  local otlp=http://127.0.0.1:$collector_port loki=http://127.0.0.1:$loki_port
  case $2 in
    all | unread) ;;
    tenth) ratio=0.1 ;; # as the README's configuration for production has it: and what failed or was slow in any case
    silent) otlp=http://127.0.0.1:$((silent_port + 1)) loki=http://127.0.0.1:$silent_port ;;
    none) flags=(--set telemetry.log_filter=off) otlp='' loki='' ;;
  esac
  flags+=(--set "telemetry.otlp_endpoint=$otlp" --set "telemetry.loki_url=$loki" --set "telemetry.trace_sample_ratio=$ratio")
  serve "$1" api bench_telemetry "${flags[@]}"
  on_cores 0 "$root/service/$1.pid"
  if [[ $2 != none && $2 != unread ]]; then
    while sleep 5; do metrics >/dev/null; done 9>&- &
    scrapers+=($!)
  fi
}

# Some 800 requests a second. In the place of the rate: milliseconds.
late_create() {
  local connections=16
  create_load "$seconds" 20
  rate=$(jq -r .p99_ms <<<"$result")
}

# Takes connections and answers nobody; on the port behind it listens nobody at all.
silent_port=$((api_port + 50))
silent_start() {
  free_port "$silent_port" TODO_BENCH_HTTP_PORT
  open_folder "$root/silent"
  launch "$root/silent/pid" "$root/silent/log" python3 -c '
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=1000)
held = []
while True: held.append(listener.accept())' "$silent_port"
  on_cores 1 "$root/silent/pid"
}

# Somebody reads the log at the other end of a pipe, as they do of a container's.
lines_start() {
  open_folder "$root/lines"
  rm -f "$lines"
  mkfifo "$lines"
  # It opens both ends: the pipe stays while one service ends and the next begins.
  # shellcheck disable=SC2016 # for the shell in between
  launch "$root/lines/pid" "$root/lines/log" bash -c 'exec cat <>"$0" >/dev/null' "$lines"
  on_cores 1 "$root/lines/pid"
}
