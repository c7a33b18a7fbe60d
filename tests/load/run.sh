#!/usr/bin/env bash
# How much does deciding cost on top of serving? The review server beside a bare one of the same stack,
# each pinned to one core and asked from the other, in turns. Prints requests a second, requests per
# second of the server's processor time (the figure to compare where neighbours are busy) and the
# latency seen by the client.
#
#   tests/load/run.sh [BINDINGS] [SECONDS] [ROUNDS]
#
# Needs two cores, taskset and the release build, which it makes. Loopback only; ends by itself.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

bindings="${1:-100000}" seconds="${2:-5}" rounds="${3:-3}"
cargo build --release --quiet --features webhook --bin portcullis \
  --example gen_world --example review_load --example bare_server
bin="$PWD/target/release"

work="$(mktemp -d)"
server=""
cleanup() {
  if [ -n "$server" ]; then kill "$server" 2> /dev/null || true; fi
  rm -rf "$work"
}
trap cleanup EXIT

"$bin/examples/gen_world" --bindings "$bindings" --queries 50000 --out "$work/world" > /dev/null
"$bin/portcullis" init apiserver --out "$work/made" --listen 127.0.0.1:19443 > /dev/null 2>&1
keys="$work/made/server"
token="$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')"
echo "$token,jane,1,\"dev,ops\"" > "$keys/tokens.csv"
chmod 600 "$keys/tokens.csv"
cat > "$keys/load.yaml" << YAML
apiVersion: portcullis.dev/v1alpha1
kind: ServerConfiguration
listen:
  address: 127.0.0.1:19443
  tls: {certificateFile: tls.crt, keyFile: tls.key, clientCAFile: client-ca.crt}
operations: {address: "127.0.0.1:19444"}
policy: {paths: [$work/world/world.json]}
authorizers: [{type: RBAC}]
apiAudiences: ["https://kubernetes.default.svc"]
authenticators: [{tokenFile: {file: tokens.csv, format: csv}}]
YAML
cat > "$work/token.json" << JSON
{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","metadata":{},"spec":{"token":"$token","audiences":["https://kubernetes.default.svc"]},"status":{"user":{}}}
JSON

start() {
  case "$1" in
    review) taskset -c 0 "$bin/portcullis" serve --config "$keys/load.yaml" 2> "$work/log" & ;;
    bare) taskset -c 0 "$bin/examples/bare_server" "$keys" 127.0.0.1:19443 2> "$work/log" & ;;
  esac
  server=$!
  for _ in $(seq 1 300); do
    if (: > /dev/tcp/127.0.0.1/19443) 2> /dev/null; then return; fi
    sleep 0.1
  done
  cat "$work/log" >&2
  return 1
}

ticks() { awk '{print $14 + $15}' "/proc/$server/stat"; }

ask() { # server, path, streams, further arguments
  local name="$1" path="$2" streams="$3" before after line
  shift 3
  before="$(ticks)"
  line="$(taskset -c 1 "$bin/examples/review_load" --url "https://127.0.0.1:19443$path" \
    --ca "$work/made/apiserver/ca.crt" --cert "$work/made/apiserver/client.crt" \
    --key "$work/made/apiserver/client.key" --connections 4 --streams "$streams" \
    --seconds "$seconds" "$@")"
  after="$(ticks)"
  python3 - "$name $path x$streams" "$line" "$((after - before))" << 'PY'
import json, sys
name, line, ticks = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
line["per_cpu_second"] = round(line["requests"] * 100 / max(ticks, 1))
print(f"{name:26}", json.dumps(line))
PY
}

for _ in $(seq 1 "$rounds"); do
  for name in bare review; do
    start "$name"
    ask "$name" /authorize 32 --queries "$work/world/queries.ndjson"
    ask "$name" /authorize 1 --queries "$work/world/queries.ndjson"
    ask "$name" /authenticate 32 --body "$work/token.json"
    kill -TERM "$server"
    wait "$server" 2> /dev/null || true
    server=""
  done
done
