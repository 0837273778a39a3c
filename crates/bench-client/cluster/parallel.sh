#!/bin/sh
# Usage: parallel.sh HOST:PORT CLIENT... -- [options of bench-client]
# A rank on each client host, by ssh; no launcher and no shared folder. ON is what
# runs a command on a host.
set -eu

host=$1
shift
clients=
while [ "$#" -gt 0 ] && [ "$1" != -- ]; do
  clients="$clients $1"
  shift
done
[ "$#" -eq 0 ] || shift
results=${RESULTS:-results-$(date +%s)}
mkdir -p "$results"
ranks=$(echo "$clients" | wc -w)
# Read once, so that all ranks begin together; time enough to launch and connect.
start=$(($(date +%s) + ${LEAD:-10}))

rank=0
for client in $clients; do
  ${ON:-ssh} "$client" "${BENCH_CLIENT:-bench-client}" -h "$host" --ranks "$ranks" --rank "$rank" \
    --start-at "$start" --json - "$@" > "$results/$rank.json" &
  rank=$((rank + 1))
done
# What failed is in the results, or they are missing: `merge` says which.
wait
exec "${BENCH_CLIENT:-bench-client}" merge "$results"/*.json --report "$results/report.html"
