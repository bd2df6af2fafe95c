# shellcheck shell=bash disable=SC2034 # what is set here is read by scripts/bench
# From the commit to Kafka's acknowledgement, one relay on a backlog, and the start from nothing. Sourced by scripts/bench,
# never run.

: "${root:?}" "${service=}" "${bench:?}" "${todo:?}" "${admin_port:?}" "${api_port:?}" "${result=}" "${service_pid=}"

# Every event of the service so far is with Kafka: 60 seconds at most.
await_empty_outbox() {
  local end=$(($(now_ms) + 60000)) left
  until left=$(sql "$1" -c 'SELECT count(*) FROM outbox') && ((left == 0)); do
    (($(now_ms) < end)) || die "the outbox still holds $left events after a minute"
    alive
    sleep 0.2
  done
}

# delays METRIC [LABEL]: a histogram of the service as "edge count" a line, cumulative.
delays() { metrics | sed -n 's/^'"$1"'_bucket{'"${2:+$2,}"'le="\([^"]*\)"} \([0-9]*\)$/\1 \2/p'; }
publish_delays() { delays outbox_publish_delay_seconds; }
effect_delays() { delays consumer_effect_delay_seconds 'consumer="todo-insights"'; }

# delay_figures BEFORE AFTER: what came between: "count p50 p99 share≤10ms share≤50ms", in milliseconds and percent. A
# percentile is interpolated within its bucket, so its error is at most the bucket (5 to 10, 10 to 20 ms, …); the two
# shares are counts at edges, and exact.
delay_figures() {
  awk 'NR == FNR { before[$1] = $2; next }
    { n++; edge[n] = $1; count[n] = $2 - before[$1]; at[$1] = count[n]; all = count[n] }
    function quantile(q,   i, low, under) {
      for (i = 1; i <= n; i++) {
        if (count[i] >= q * all) {
          low = i > 1 ? edge[i - 1] : 0; under = i > 1 ? count[i - 1] : 0
          if (edge[i] == "+Inf") return low * 1000
          return 1000 * (low + (edge[i] - low) * (q * all - under) / (count[i] - under))
        }
      }
    }
    END { if (!all) exit 1
      printf "%d %.1f %.1f %.2f %.2f\n", all, quantile(0.5), quantile(0.99), 100 * at["0.01"] / all, 100 * at["0.05"] / all }' \
    <(printf '%s\n' "$1") <(printf '%s\n' "$2")
}

# Each event of the service so far had its effect, where it has consumers: 60 seconds at most.
await_effects() {
  [[ $service == effects ]] || return 0
  local end=$(($(now_ms) + 60000))
  until (($(consumed) >= $(published))); do
    (($(now_ms) < end)) || die "the consumer had $(consumed) of $(published) events after a minute"
    alive
    sleep 0.2
  done
}

# The consumers have read their topics to the end, as their clients tell every 5 seconds: two minutes at most.
await_no_lag() {
  local end=$(($(now_ms) + 120000)) left
  until left=$(metrics | awk '/^consumer_lag_messages\{/ { n++; all += $2 } END { print n ? all : -1 }') && ((left == 0)); do
    (($(now_ms) < end)) || die "the consumers are still $left messages behind after two minutes"
    alive
    sleep 1
  done
}

# measure_delay SECONDS DATABASE: 1,000 events a second. Sets $delay, the line of delay_figures for the acknowledgement, $rate,
# and for a service with consumers $effects_before and $effects_after, the histograms of the effects around it.
measure_delay() {
  local before after
  # What copying the database left in memory is written now: the commits that are measured would wait for it.
  sync
  create_load 15 96 # a warm-up at the same pace
  await_empty_outbox "$2"
  await_effects
  before=$(publish_delays)
  effects_before=$(effect_delays)
  create_load "$1" 96
  await_empty_outbox "$2"
  await_effects
  after=$(publish_delays)
  effects_after=$(effect_delays)
  delay=$(delay_figures "$before" "$after") || die 'the service counted no delay'
  ((${delay%% *} >= $(jq -r .requests <<<"$result"))) || die "only ${delay%% *} events came of these requests: $result"
}

published() {
  metrics | awk '/^messaging_client_published_messages_total\{.*outcome="acknowledged"/ { all += $2 } END { print all + 0 }'
}

# Events that insights, the consumer that is measured, is done with: applied, or seen to be repeated.
consumed() {
  metrics | awk '/^consumer_events_total\{consumer="todo-insights",outcome="(applied|repeated)"/ { all += $2 } END { print all + 0 }'
}

# measure_consumer EVENTS: a worker on one core, from the topic's beginning. Sets $drain as measure_backlog does.
measure_consumer() {
  local events=$1 samples=$root/consumer.samples end count=0
  : >"$samples"
  serve consumer worker bench_consumer --set events.broker=kafka --set "kafka.brokers=$(kafka_brokers)"
  on_cores 0 "$root/service/consumer.pid"
  end=$(($(now_ms) + 120000))
  while ((count < events)); do
    (($(now_ms) < end)) || die "the consumer took $count of $events events in two minutes"
    count=$(consumed) || alive
    printf '%s %s\n' "$(now_ms)" "$count" >>"$samples"
    sleep 0.2
  done
  drain=$(drain_figures <"$samples")
  consumer_memory="$(memory VmHWM) $(memory VmRSS)"
  stop_service
}

# measure_backlog EVENTS: a relay on its own; sets $drain: "rate lowest-rate-of-5-seconds seconds" from the last moment
# at which nothing was published to the first at which everything was.
measure_backlog() {
  local events=$1 samples=$root/backlog.samples end count=0 before after
  sql bench_relay -v events="$events" -v users=1000 -f "$bench/backlog.sql"
  super postgres -c CHECKPOINT
  before=$(kafka_messages)
  note "  the relay starts"
  : >"$samples"
  serve relay relay bench_relay --set events.broker=kafka --set "kafka.brokers=$(kafka_brokers)"
  end=$(($(now_ms) + 120000))
  while ((count < events)); do
    (($(now_ms) < end)) || die "the relay published $count of $events events in two minutes"
    count=$(published) || alive
    printf '%s %s\n' "$(now_ms)" "$count" >>"$samples"
    sleep 0.2
  done
  await_empty_outbox bench_relay
  drain=$(drain_figures <"$samples")
  relay_memory="$(memory VmHWM) $(memory VmRSS)"
  stop_service
  after=$(kafka_messages)
  ((after - before >= events)) || die "Kafka has $((after - before)) of $events events"
  [[ $(sql bench_relay -c 'SELECT count(*) FROM outbox') == 0 ]] || die 'the outbox is not empty'
}

# Where the relay had begun before the first look, the start is that look and what it had done by then is not counted.
drain_figures() {
  awk '{ n++; t[n] = $1; c[n] = $2 } END {
    for (first = 1; first < n && c[first + 1] == 0; first++);
    low = (c[n] - c[first]) * 1000 / (t[n] - t[first]); rate = low
    for (i = first; i <= n; i++) for (j = i + 1; j <= n; j++) if (t[j] - t[i] >= 5000) {
      r = (c[j] - c[i]) * 1000 / (t[j] - t[i]); if (r < low) low = r; break }
    printf "%.0f %.0f %.1f\n", rate, low, (t[n] - t[first]) / 1000 }'
}

ready() {
  local line=''
  { exec 3<>"/dev/tcp/127.0.0.1/$admin_port"; } 2>/dev/null || return 1
  printf 'GET /readyz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n' >&3
  IFS= read -r -t 2 line <&3 || true
  exec 3>&-
  [[ $line == 'HTTP/1.1 200'* ]]
}

# From the start of the program, in an empty folder and with every default but the ports, to the first 200 of /readyz.
# Sets $starts, the milliseconds of each, a line each.
measure_starts() {
  local n begin end folder=$root/cold
  starts=''
  for ((n = 1; n <= $1; n++)); do
    rm -rf "$folder"
    mkdir "$folder"
    free_port "$admin_port" TODO_BENCH_HTTP_PORT
    begin=$(now_ms)
    (cd "$folder" && exec "$todo" serve --set "http.listen=127.0.0.1:$api_port" --set "http.admin_listen=127.0.0.1:$admin_port" \
      --set http.drain_pause_ms=0) >"$root/cold.log" 2>&1 9>&- &
    load_pid=$!
    end=$((begin + 10000))
    until ready; do
      if ! kill -0 "$load_pid" 2>/dev/null || (($(now_ms) > end)); then failed "$root/cold.log" 'the service did not become ready'; fi
      sleep 0.005
    done
    starts+=$(($(now_ms) - begin))$'\n'
    kill "$load_pid"
    wait "$load_pid" || true
    load_pid=''
  done
}
