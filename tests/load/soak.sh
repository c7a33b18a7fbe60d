#!/usr/bin/env bash
# Does memory stay where it is? Load for ten minutes, the server's resident memory every 15 seconds.
#
#   tests/load/soak.sh [SECONDS] [BINDINGS]
set -euo pipefail
# shellcheck source=tests/load/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
seconds="${1:-600}" bindings="${2:-10000}"
prepare "$bindings"
start review 0
(
  for second in $(seq 0 15 "$seconds"); do
    echo "$second s: $(awk '/VmRSS/ {print $2}' "/proc/$server/status") KiB"
    sleep 15
  done
) &
load /authorize 32 "$seconds" --queries "$work/world/queries.ndjson"
stop
