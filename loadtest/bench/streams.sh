# shellcheck shell=bash disable=SC2034,SC2154 # what is set here and what is read is of scripts/bench and its other parts
# What streams cost that stay idle, on the embedded database. Sourced by scripts/bench, never run.

streams=5000

measure_streams() {
  ulimit -S -n "$(ulimit -H -n)" # a descriptor each, in either process
  streams_row plain
  bar "$resident" '<' 100
  row "$streams idle streams, over plain HTTP: resident memory that they add" "$resident MB" '' '' "$said (MB)"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -keyout "$root/streams.key" \
    -out "$root/streams.pem" 2>"$root/openssl.log" || failed "$root/openssl.log" 'no certificate could be made'
  streams_row tls --set "http.tls_cert_file=$root/streams.pem" --set "http.tls_key_file=$root/streams.key"
  row 'the same over TLS' "$resident MB" '' '' 'for information'
}

# streams_row NAME [--set KEY=VALUE]…: sets $resident, the megabytes between 50 open streams and all of them.
streams_row() {
  local name=$1 scheme=http before after person="{\"email\":\"streams@example.org\",\"password\":\"$password\"}"
  shift
  if (($#)); then scheme=https; fi
  rm -f "$root"/streams.db*
  serve "streams-$name" api,relay,worker '' --set events.broker=memory --set "storage.url=sqlite:$root/streams.db" \
    --set http.max_streams=20000 --set http.max_streams_per_user=20000 "$@"
  local own=${api/http:/$scheme:}
  curl -fsSk -o /dev/null --json "$person" "$own/users"
  curl -fsSk --json "$person" "$own/sessions" | jq -er .access_token >"$root/tokens.streams"
  bounded 300 "$root/streams.out" python3 "$bench/streams.py" "$own/events" "$root/tokens.streams" "$service_pid" 50 "$streams"
  alive
  { read -r before && read -r after; } <"$root/streams.out" || failed "$root/streams.out" 'the streams gave no figure'
  resident=$(awk -v kilobytes="$((after - before))" 'BEGIN { printf "%.1f", kilobytes / 1024 }')
  stop_service
}
