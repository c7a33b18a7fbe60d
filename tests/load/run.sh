#!/usr/bin/env bash
# How much does deciding cost on top of serving? The review server beside a bare one of the same stack,
# each pinned to one core and asked from the other, in turns. Prints requests a second, requests per
# second of the server's processor time (the figure to compare where neighbours are busy) and the
# latency seen by the client.
#
#   tests/load/run.sh [BINDINGS] [SECONDS] [ROUNDS]
set -euo pipefail
# shellcheck source=tests/load/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
bindings="${1:-100000}" seconds="${2:-5}" rounds="${3:-3}"
prepare "$bindings"

ticks() { awk '{print $14 + $15}' "/proc/$server/stat"; }

ask() { # server, path, streams, further arguments
  local name="$1" path="$2" streams="$3" before after line
  shift 3
  before="$(ticks)"
  line="$(load "$path" "$streams" "$seconds" "$@")"
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
    start "$name" 0
    ask "$name" /authorize 32 --queries "$work/world/queries.ndjson"
    ask "$name" /authorize 1 --queries "$work/world/queries.ndjson"
    ask "$name" /authenticate 32 --body "$work/token.json"
    stop
  done
done
