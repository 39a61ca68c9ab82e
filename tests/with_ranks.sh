#!/usr/bin/env bash
# Runs a command as N ranks on this machine, more than there are cores if need be.
#   with_ranks.sh N COMMAND…
set -euo pipefail
ranks=$1
shift
if ! command -v mpirun >/dev/null; then
  echo "skipped: mpirun is missing; install Debian's openmpi-bin"
  exit 77
fi
# Waiting ranks leave the cores to those that have work; nothing leaves the loopback.
export OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_btl_tcp_if_include=lo OMPI_MCA_oob_tcp_if_include=lo
export OMPI_MCA_btl_vader_single_copy_mechanism=none  # containers may forbid it
export ASAN_OPTIONS=detect_leaks=0  # Open MPI itself leaks
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
exec mpirun --oversubscribe --bind-to none -n "$ranks" "$@"
