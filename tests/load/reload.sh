#!/usr/bin/env bash
# Does anybody notice a reload? Full load while a policy of 100,000 bindings is replaced again and
# again, beside the same load without. Prints the client's figures for both, and how many policies
# served.
#
#   tests/load/reload.sh [BINDINGS] [SECONDS] [CORES OF THE SERVER]
set -euo pipefail
# shellcheck source=tests/load/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
bindings="${1:-100000}" seconds="${2:-15}" cores="${3:-0}"
prepare "$bindings"
start review "$cores"

replace() { # one more binding each time, put in place by a rename
  for turn in $(seq 1 "$((seconds / 3))"); do
    sleep 3
    python3 - "$work/world/world.json" "$turn" << 'PY'
import json, os, sys
path, turn = sys.argv[1], sys.argv[2]
text = open(path).read()
extra = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
         "metadata": {"name": f"turn-{turn}"}, "subjects": [],
         "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "none"}}
at = text.rindex("]")
open(path + ".new", "w").write(text[:at] + "," + json.dumps(extra) + text[at:])
os.rename(path + ".new", path)
PY
  done
}

echo "quiet      $(load /authorize 8 "$seconds" --queries "$work/world/queries.ndjson")"
replace &
replacing=$!
echo "reloading  $(load /authorize 8 "$seconds" --queries "$work/world/queries.ndjson")"
wait "$replacing"
python3 - << 'PY'
import urllib.request
print(urllib.request.urlopen("http://127.0.0.1:19444/readyz", timeout=5).read().decode())
PY
grep -o 'reloaded .*' "$work/log" || true
stop
