# Shared by the scripts of this folder: a world, certificates, a configuration, and servers pinned to
# one core. Loopback only; everything made is removed at the end.
#
# Needs two cores, taskset, python3 and the release build, which it makes. PORTCULLIS_BIN names the
# folder of one that is there already.

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
bin="${PORTCULLIS_BIN:-}"
if [ -z "$bin" ]; then
  cargo build --release --quiet --features webhook --bin portcullis \
    --example gen_world --example review_load --example bare_server
  bin="$PWD/target/release"
fi

work="$(mktemp -d)"
server=""
cleanup() {
  if [ -n "$server" ]; then kill "$server" 2> /dev/null || true; fi
  rm -rf "$work"
}
trap cleanup EXIT

prepare() { # bindings
  "$bin/examples/gen_world" --bindings "$1" --queries 50000 --out "$work/world" > /dev/null
  "$bin/portcullis" init apiserver --out "$work/made" --listen 127.0.0.1:19443 > /dev/null 2>&1
  keys="$work/made/server"
  local token
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
}

start() { # review | bare, the cores of the server
  case "$1" in
    review) taskset -c "$2" "$bin/portcullis" serve --config "$keys/load.yaml" 2> "$work/log" & ;;
    bare) taskset -c "$2" "$bin/examples/bare_server" "$keys" 127.0.0.1:19443 2> "$work/log" & ;;
  esac
  server=$!
  for _ in $(seq 1 300); do
    if (: > /dev/tcp/127.0.0.1/19443) 2> /dev/null; then return; fi
    sleep 0.1
  done
  cat "$work/log" >&2
  return 1
}

stop() {
  kill -TERM "$server"
  wait "$server" 2> /dev/null || true
  server=""
}

load() { # path, streams, seconds, further arguments
  local path="$1" streams="$2" seconds="$3"
  shift 3
  taskset -c 1 "$bin/examples/review_load" --url "https://127.0.0.1:19443$path" \
    --ca "$work/made/apiserver/ca.crt" --cert "$work/made/apiserver/client.crt" \
    --key "$work/made/apiserver/client.key" --connections 4 --streams "$streams" \
    --seconds "$seconds" "$@"
}
