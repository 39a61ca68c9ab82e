# Sourced by the tests of ranks, with PROGRAM as $1: a folder of their own with rows.csv, and how they fail.
program=$1
with_ranks=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/with_ranks.sh
command -v mpirun > /dev/null || { echo "skipped: mpirun is missing; install Debian's openmpi-bin"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

fail() {
  echo "FAILED: $*"
  cat ./*.txt 2> /dev/null || true
  exit 1
}

# N rows of two classes.
make_rows() {
  awk -v rows="$1" 'BEGIN { srand(3); print "a,b,c,kind"
    for (i = 0; i < rows; ++i) { a = rand(); b = rand(); c = rand(); print a "," b "," c "," (a * b > c * c ? "yes" : "no") } }' > rows.csv
}
