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
  telemetry_row read 'read one task, with all telemetry and every trace' loads_with_all
  telemetry_row create 'create a task, with all telemetry and every trace' loads_with_all
  telemetry_row read 'read one task, with all telemetry as in production' loads_with_tenth
  telemetry_row create 'create a task, with all telemetry as in production' loads_with_tenth
  silent_start
  fault_row 'a create with Loki silent and the collector gone' late_with_silence
  fault_row 'a create while nobody reads the metrics' late_unread
  halt "$root/silent/pid" TERM 10
  halt "$root/lines/pid" TERM 10
  for sink in loki collector jaeger; do "$servers/$sink/stop" "$root/$sink"; done
  on_cores "0-$(($(nproc) - 1))" "$root/postgres/pid"
}

# telemetry_row LOAD WHAT WITH
telemetry_row() {
  local beside=service_$1 # in_turn has names of its own for the two that it is given
  serve_and_load "$beside" # a warm-up, which counts for nothing
  in_turn "telemetry, $1" "$rounds" "$3" loads_with_none
  bar "$(median "$ratios")" '>=' 0.9
  row "$2, beside none" "$(summary "$service_rates" %.0f)/s" "none: $(summary "$pgbench_rates" %.0f)/s" "$(summary "$ratios")" "$said"
}

# loads_with RATIO: all of it, and this fraction of the traces.
loads_with() {
  serve_and_load "$beside" --set telemetry.log_format=json --set telemetry.log_filter=info --set "telemetry.trace_sample_ratio=$1" \
    --set "telemetry.otlp_endpoint=http://127.0.0.1:$collector_port" --set "telemetry.loki_url=http://127.0.0.1:$loki_port"
}

loads_with_all() { loads_with 1.0; }
# As the README's configuration for production has it: failed and slow requests, and a tenth of the rest.
loads_with_tenth() { loads_with 0.1; }

loads_with_none() { serve_and_load "$beside" --set telemetry.log_filter=off; }

# fault_row WHAT LOAD: the 99th percentile of a pace that leaves room, with a fault beside none.
fault_row() {
  in_turn "$1" 9 "$2" late_with_all
  bar "$(median "$ratios")" '<=' 1.2
  row "$1, p99" "$(summary "$service_rates" %.1f) ms" "without: $(summary "$pgbench_rates" %.1f) ms" "$(summary "$ratios")" "$said"
}

late_with_all() { beside=late_create loads_with_all; }
late_unread() { scraped='' beside=late_create loads_with_all; }
late_with_silence() {
  serve_and_load late_create --set telemetry.log_format=json --set "telemetry.otlp_endpoint=http://127.0.0.1:$((silent_port + 1))" \
    --set "telemetry.loki_url=http://127.0.0.1:$silent_port"
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

# serve_and_load LOAD FLAG…: the load on a service of its own, which begins with two seconds that do not count.
serve_and_load() {
  local load=$1 all=$seconds scraper=''
  shift
  serve telemetry api bench_telemetry "$@"
  on_cores 0 "$root/service/telemetry.pid"
  if [[ ${scraped-yes} && $* == *otlp_endpoint* ]]; then
    while sleep 5; do metrics >/dev/null; done 9>&- &
    scraper=$!
  fi
  seconds=2
  "$load"
  seconds=$all
  "$load"
  [[ -z $scraper ]] || kill "$scraper"
  stop_service
}
