#!/bin/sh
# Usage: mpirun.sh RANKS HOST:PORT [options of bench-client]
# Open MPI, MPICH or Intel MPI; MPIRUN_OPTIONS names hosts, as `--hostfile hosts`.
# Results are in one folder that all hosts see.
set -eu

ranks=$1 host=$2
shift 2
results=${RESULTS:-results-$(date +%s)}
mkdir -p "$results"
# Read once, so that all ranks begin together; time enough to launch and connect.
start=$(($(date +%s) + ${LEAD:-10}))

status=0
# shellcheck disable=SC2086 # several options
mpirun -n "$ranks" ${MPIRUN_OPTIONS:-} "${BENCH_CLIENT:-bench-client}" -h "$host" \
  --start-at "$start" --json "$results/{rank}.json" "$@" || status=$?
"${BENCH_CLIENT:-bench-client}" merge "$results"/*.json --report "$results/report.html" || status=$?
exit "$status"
