#!/usr/bin/env bash
# Install and run a real Apache Kafka on loopback, for tests and development.
#
#   kafka.sh install             fetch the jars with Maven into .deps/kafka
#   kafka.sh start [DIR]         start NODES (1 or 3) nodes with their data in DIR;
#                                the last line printed is the bootstrap address list
#   kafka.sh stop  [DIR]         stop the nodes started in DIR, and only those
#   kafka.sh restart-node N [DIR]  stop node N with SIGKILL and start it again
#
# DIR defaults to .deps/kafka/data. Needs Java 17 or newer; install needs Maven.
# NODES=3 gives topics three replicas and min.insync.replicas 2.
# KAFKA_HEAP sets the heap of each node (default 384m).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
home=${KAFKA_HOME:-$root/.deps/kafka}
java=${JAVA_HOME:+$JAVA_HOME/bin/}java

die() { echo "kafka.sh: $*" >&2; exit 1; }

install() {
  if [[ -d $home/libs ]] && cmp -s "$here/pom.xml" "$home/pom.xml"; then return; fi
  command -v mvn >/dev/null || die "Maven (mvn) is not installed"
  mkdir -p "$home"
  # Into a folder beside it first, so that a broken download is no install.
  rm -rf "$home/libs.part" "$home/libs"
  mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$home/libs.part" >&2
  mv "$home/libs.part" "$home/libs"
  cp "$here/pom.xml" "$home/pom.xml"
}

# A port that nothing listens on, below the range the kernel hands out itself.
free_port() {
  local p
  for _ in $(seq 200); do
    p=$((20000 + RANDOM % 12000))
    [[ " ${taken[*]-} " == *" $p "* ]] && continue
    (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null && continue
    taken+=("$p"); port=$p; return
  done
  die "no free port found"
}

write_config() { # node
  local n=$1 dir=$data/node$1 replicas=$nodes isr=1
  ((nodes > 1)) && isr=2
  mkdir -p "$dir"
  cat >"$dir/server.properties" <<EOF
process.roles=broker,controller
node.id=$n
controller.quorum.voters=$voters
listeners=PLAINTEXT://127.0.0.1:${client_port[$n]},CONTROLLER://127.0.0.1:${control_port[$n]}
advertised.listeners=PLAINTEXT://127.0.0.1:${client_port[$n]}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=$dir/log
# Topics are made on purpose: a misspelt name must fail, not appear.
auto.create.topics.enable=false
default.replication.factor=$replicas
min.insync.replicas=$isr
offsets.topic.replication.factor=$replicas
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=$replicas
transaction.state.log.min.isr=$isr
share.coordinator.state.topic.replication.factor=$replicas
share.coordinator.state.topic.min.isr=$isr
# The offset of a group is where exactly-once resumes. The default forgets it
# seven days after the group's last member left; keep it for ten years.
offsets.retention.minutes=5256000
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
EOF
}

launch() { # node
  local dir=$data/node$1
  [[ -f $dir/pid ]] && kill -0 "$(<"$dir/pid")" 2>/dev/null && die "node $1 already runs"
  : >"$dir/out.log"
  # setsid: a signal to the shell's group must not reach the broker.
  setsid "$java" -Xmx"${KAFKA_HEAP:-384m}" -Xms128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
    -Dlog4j2.configurationFile="$here/log4j2.properties" \
    -cp "$home/libs/*" kafka.Kafka "$dir/server.properties" \
    >>"$dir/out.log" 2>&1 </dev/null &
  echo $! >"$dir/pid"
}

wait_ready() { # node
  local dir=$data/node$1
  for _ in $(seq 300); do
    grep -q "Kafka Server started" "$dir/out.log" && return
    kill -0 "$(<"$dir/pid")" 2>/dev/null || { tail -5 "$dir/out.log" >&2; die "node $1 ended while starting"; }
    sleep 0.2
  done
  tail -5 "$dir/out.log" >&2
  die "node $1 is not ready after 60 s"
}

start() {
  install
  "$java" -version >/dev/null 2>&1 || die "Java 17 or newer is not installed"
  nodes=${NODES:-1}
  [[ $nodes == 1 || $nodes == 3 ]] || die "NODES must be 1 or 3"
  if ls "$data"/node*/pid >/dev/null 2>&1; then die "$data is in use: stop it first"; fi
  mkdir -p "$data"
  if [[ ! -f $data/bootstrap ]]; then
    taken=() voters='' bootstrap=''
    declare -gA client_port control_port
    for n in $(seq "$nodes"); do
      free_port; client_port[$n]=$port
      free_port; control_port[$n]=$port
      voters+=${voters:+,}$n@127.0.0.1:${control_port[$n]}
      bootstrap+=${bootstrap:+,}127.0.0.1:${client_port[$n]}
    done
    local id
    # A cluster id is 16 random bytes; one that starts with '-' reads as an option.
    until id=$(head -c16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n') && [[ $id != -* ]]; do :; done
    for n in $(seq "$nodes"); do
      write_config "$n"
      "$java" -Xmx128m -cp "$home/libs/*" -Dlog4j2.configurationFile="$here/log4j2.properties" \
        kafka.tools.StorageTool format -t "$id" -c "$data/node$n/server.properties" >"$data/node$n/format.log" 2>&1 ||
        { tail -5 "$data/node$n/format.log" >&2; die "formatting node $n failed"; }
    done
    echo "$bootstrap" >"$data/bootstrap"
  fi
  for d in "$data"/node*; do launch "${d##*/node}"; done
  for d in "$data"/node*; do wait_ready "${d##*/node}"; done
  cat "$data/bootstrap"
}

stop_node() { # node signal
  local file=$data/node$1/pid pid
  [[ -f $file ]] || return 0
  pid=$(<"$file")
  # The pid may have been given to another program since: look before killing.
  if grep -aq "$data/node$1/server.properties" "/proc/$pid/cmdline" 2>/dev/null; then
    kill -"$2" "$pid" 2>/dev/null || true
    for _ in $(seq 150); do kill -0 "$pid" 2>/dev/null || break; sleep 0.2; done
    kill -KILL "$pid" 2>/dev/null || true
  fi
  rm -f "$file"
}

stop() {
  # All at once: a lone controller of three waits for a quorum that is gone.
  local pids=()
  for d in "$data"/node*; do
    [[ -d $d ]] && { stop_node "${d##*/node}" TERM & pids+=($!); }
  done
  ((${#pids[@]})) && wait "${pids[@]}"
  return 0
}

restart_node() { stop_node "$1" KILL; launch "$1"; wait_ready "$1"; }

use_data() { data=$(mkdir -p "${1:-$home/data}" && cd "${1:-$home/data}" && pwd); }

case ${1:-} in
  install) install; echo "$home" ;;
  start) use_data "${2:-}"; start ;;
  stop) use_data "${2:-}"; stop ;;
  restart-node) use_data "${3:-}"; restart_node "${2:?which node}" ;;
  *) sed -n '2,14p' "${BASH_SOURCE[0]}" | cut -c3- >&2; exit 2 ;;
esac
