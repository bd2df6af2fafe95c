# shellcheck shell=bash disable=SC2034 # what is set here is read by those who source it
# What the servers' scripts share: folders, ports, starting and ending a process by its pid file. Sourced after
# scripts/lib.sh (or by itself, it then sources that one), never run.
#
# A server's folder is its own: all its data, logs and pid files are in it. A pid file's second line is the process's
# start time: that is how one left by a crash is told from a pid that was given to another program since. (Not the
# working directory: a JVM leaves its own for an instant while it starts.)

servers=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [[ -z ${top:-} ]]; then
  # shellcheck source=scripts/lib.sh
  . "$servers/../../scripts/lib.sh"
fi

# Away from the default ports, so that the machine's own servers are never touched, and below Linux's range of
# ephemeral ports (32768 and up), so that no outgoing connection takes one.
postgres_port=${TODO_TEST_POSTGRES_PORT:-25432}
kafka_port=${TODO_TEST_KAFKA_PORT:-29091} # and the next two; the controllers' are 100 higher
redis_port=${TODO_TEST_REDIS_PORT:-26379}
pgbouncer_port=${TODO_TEST_PGBOUNCER_PORT:-26432}
registry_port=${TODO_TEST_REGISTRY_PORT:-28081}
loki_port=${TODO_TEST_LOKI_PORT:-23100} # and the next one, where its parts speak to each other
jaeger_port=${TODO_TEST_JAEGER_PORT:-26686} # page and API; then: API over gRPC, OTLP, its metrics, its health
collector_port=${TODO_TEST_COLLECTOR_PORT:-24317} # OTLP; then: its metrics, its health
prometheus_port=${TODO_TEST_PROMETHEUS_PORT:-29490}
alertmanager_port=${TODO_TEST_ALERTMANAGER_PORT:-29590}

marker=.todo-test-server

# open_folder PATH: makes it, or takes one made here before; sets $data. Someone's files are never written over.
open_folder() {
  [[ -n ${1:-} ]] || die "usage: $self DATA (a folder for this server alone)"
  if [[ ! -e $1/$marker ]]; then
    [[ ! -e $1 || (-d $1 && -z $(ls -A "$1")) ]] || die "$1 is not empty and was not made by this script: choose another folder"
    mkdir -p "$1"
    touch "$1/$marker"
  fi
  chmod 755 "$1"
  data=$(cd "$1" && pwd -P)
}

# known_folder PATH: sets $data to a folder that exists; false where there is none, so there is nothing to stop.
known_folder() {
  [[ -n ${1:-} ]] || die "usage: $self DATA"
  [[ -e $1/$marker ]] || return 1
  data=$(cd "$1" && pwd -P)
}

# PostgreSQL and PgBouncer refuse to run as root: sets the prefix of commands that must run as somebody else.
server_user() {
  as_user=()
  if [[ $(id -u) == 0 ]]; then
    id postgres >/dev/null 2>&1 || die "there is no user postgres on this machine: run scripts/setup test"
    as_user=(setpriv --reuid=postgres --regid=postgres --init-groups --)
  fi
}

# The folder made by server_user's user; it must be able to reach it.
give_folder() {
  server_user
  [[ $(id -u) == 0 ]] || return 0
  chown postgres: "$data"
  "${as_user[@]}" test -w "$data" ||
    die "the user postgres cannot reach $data: choose a folder below ${TMPDIR:-/tmp} (TODO_TEST_DATA)"
}

# Debian keeps the server's programs out of PATH, a folder for each version: the newest.
postgres_bin() {
  local newest
  newest=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -n1) || true
  if [[ -z $newest ]]; then newest=$(dirname "$(command -v initdb)") || die "PostgreSQL is not installed: run scripts/setup test"; fi
  printf '%s' "$newest"
}

need_program() { command -v "$1" >/dev/null || die "$1 is not installed: run scripts/setup test"; }

port_answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port PORT VARIABLE
free_port() {
  [[ $1 =~ ^[0-9]+$ && $1 -ge 1024 && $1 -le 65535 ]] || die "$2: '$1' is not a port (1024 to 65535)"
  if port_answers "$1"; then
    local who
    who=$(ss -Hltnp "sport = :$1" 2>/dev/null | sed -n 's/.*users:(("\([^"]*\)",pid=\([0-9]*\).*/, by \1 (pid \2)/p' | head -n1) || true
    die "port $1 is taken$who: end what listens there, or choose another with $2"
  fi
}

# start_time PID: the kernel's, in clock ticks since boot; false when there is no such process, or only a zombie of it.
start_time() {
  local stat fields
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  read -ra fields <<<"${stat##*) }" # behind the name, which may hold blanks: the state first, the start time twentieth
  [[ ${fields[0]} != [ZX] ]] || return 1
  printf '%s' "${fields[19]}"
}

# running PIDFILE: true while the process that was started here is there; sets $running_pid.
running() {
  local started
  { read -r running_pid && read -r started; } 2>/dev/null <"$1" || return 1
  [[ -n $started && $(start_time "$running_pid") == "$started" ]]
}

# launch PIDFILE LOG COMMAND…: in a session of its own (Ctrl-C in a terminal is for the tests, the servers are stopped
# by name), holding none of the caller's files: a lock or a pipe kept open by a server would outlive its owner.
launch() (
  local pidfile=$1 log=$2
  shift 2
  cd "$data" || exit 1
  (
    for fd in "/proc/$BASHPID/fd/"*; do
      fd=${fd##*/}
      if ((fd > 2)); then eval "exec $fd>&-"; fi
    done
    exec setsid "$@"
  ) </dev/null >>"$log" 2>&1 &
  printf '%s\n%s\n' "$!" "$(start_time "$!")" >"$pidfile"
)

# await PIDFILE LOG SECONDS CHECK…: returns when CHECK succeeds; otherwise the log's last lines, and nothing stays behind.
await() {
  local pidfile=$1 log=$2 limit=$3 end
  shift 3
  end=$(($(now_ms) + limit * 1000))
  until "$@" >/dev/null 2>&1; do
    if ! running "$pidfile"; then
      rm -f "$pidfile"
      failed "$log" "it ended while starting"
    elif (($(now_ms) > end)); then
      halt "$pidfile" KILL
      failed "$log" "it was not ready after $limit s"
    fi
    sleep 0.1
  done
}

failed() {
  printf '%s: %s; the last lines of %s:\n' "$self" "$2" "$1" >&2
  tail -n 15 "$1" | sed 's/^/    /' >&2
  exit 1
}

# halt PIDFILE SIGNAL SECONDS: the signal, then SIGKILL when the time is up. Nothing there: done.
halt() {
  local pidfile=$1 signal=${2:-TERM} limit=${3:-20} pid
  if running "$pidfile"; then
    pid=$running_pid
    kill -s "$signal" "$pid" 2>/dev/null || true
    kill -s CONT "$pid" 2>/dev/null || true # one that a test has stopped could not end
    if ! gone "$pidfile" "$limit"; then
      note "$self: pid $pid did not end within $limit s: killing it"
      kill -s KILL "$pid" 2>/dev/null || true
      gone "$pidfile" 10 || die "pid $pid cannot be ended"
    fi
  fi
  rm -f "$pidfile"
}

gone() {
  local end=$(($(now_ms) + $2 * 1000))
  while running "$1"; do
    (($(now_ms) < end)) || return 1
    sleep 0.05
  done
}

# kafka_properties NODE LOG_FOLDER: three nodes, each broker and controller. What is replicated has three copies, and a
# write needs two of them: one broker may be killed.
# Threads for a machine that three brokers share with everything else: with Kafka's eleven each, two cores that were full
# acknowledged a third less.
# With TODO_TEST_KAFKA_PEM (a private key and its certificate in one file) each has a second listener for clients, 200
# above the first: TLS and SCRAM-SHA-512, for users that `client configs` made over the plain one.
kafka_properties() {
  local base=$kafka_port secure='' secure_map=''
  if [[ ${TODO_TEST_KAFKA_PEM:-} ]]; then
    secure=",SECURE://127.0.0.1:$((base + $1 + 199))" secure_map=,SECURE:SASL_SSL
    cat <<PROPERTIES
listener.name.secure.ssl.keystore.type=PEM
listener.name.secure.ssl.keystore.location=$TODO_TEST_KAFKA_PEM
listener.name.secure.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.secure.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
PROPERTIES
  fi
  cat <<PROPERTIES
process.roles=broker,controller
node.id=$1
controller.quorum.voters=1@127.0.0.1:$((base + 100)),2@127.0.0.1:$((base + 101)),3@127.0.0.1:$((base + 102))
controller.listener.names=CONTROLLER
listeners=BROKER://127.0.0.1:$((base + $1 - 1)),CONTROLLER://127.0.0.1:$((base + $1 + 99))$secure
advertised.listeners=BROKER://127.0.0.1:$((base + $1 - 1))$secure
inter.broker.listener.name=BROKER
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT$secure_map
log.dirs=$2
auto.create.topics.enable=false
default.replication.factor=3
min.insync.replicas=2
offsets.topic.num.partitions=10
offsets.topic.replication.factor=3
transaction.state.log.num.partitions=5
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
group.initial.rebalance.delay.ms=0
num.network.threads=1
num.io.threads=2
PROPERTIES
}

kafka_brokers() { printf '127.0.0.1:%s,127.0.0.1:%s,127.0.0.1:%s' "$kafka_port" $((kafka_port + 1)) $((kafka_port + 2)); }

# Where broker NODE's JMX exporter listens.
kafka_jmx_port() { printf '%s' $((kafka_port + 299 + $1)); }

registry_version() { printf 2.6.13.Final; }
registry_url() { printf 'http://127.0.0.1:%s/apis/ccompat/v7' "$registry_port"; }

# Java for the tools: they live for a second or two, so no time is spent on optimising.
kafka_java() {
  local lib
  lib=$("$top/scripts/fetch" kafka)/lib
  need_program java
  java -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto \
    -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$lib/*" "$@"
}
