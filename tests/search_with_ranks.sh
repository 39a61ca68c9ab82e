#!/usr/bin/env bash
# A search by ranks that mpirun starts: the study of one process, and every fault in words.
#   search_with_ranks.sh PROGRAM
set -euo pipefail
. "$(dirname "$0")/ranks_setup.sh"
# What came of the trials, without who, when and how fast.
results() {
  "$program" search show "$1" --json | python3 -c 'import json, sys
for trial in json.load(sys.stdin)["trials"]:
    print(trial["trial"], trial["state"], trial["loss"], trial["options"])'
}

make_rows 600
search=("$program" search --data rows.csv --lr 1e-3..1e-1:log --hidden 8..32x1..2 --trials 8)

"${search[@]}" --epochs 4 --stopping off --study one > one.txt 2>&1 || fail "one process"
timeout 200 "$with_ranks" 3 "${search[@]}" --epochs 4 --stopping off --study ranks > ranks.txt 2>&1 || fail "three ranks"
results one > one.results
results ranks > ranks.results
[ "$(wc -l < one.results)" = 8 ] || fail "not all trials"
cmp one.results ranks.results || fail "three ranks come to another study"
[ "$(grep -c '^rows ' ranks.txt)" = 1 ] || fail "not one rank alone speaks"

# With halving trials pause, and go on wherever there is time.
timeout 200 "$with_ranks" 3 "${search[@]}" --epochs 9 --study halving > halving.txt 2>&1 || fail "halving"
grep -q paused <(results halving) || fail "no trial was stopped early"

timeout 200 "$with_ranks" 2 "${search[@]}" --workers 2 --study refused > workers.txt 2>&1 && fail "--workers under mpirun"
[ "$(grep -c '^error: --workers' workers.txt)" = 1 ] || fail "--workers is not refused once"
timeout 200 "$with_ranks" 2 sh -c 'exec '"${search[*]}"' --seed $OMPI_COMM_WORLD_RANK --study refused' > seeds.txt 2>&1 && fail "another seed"
grep -q 'error: rank 1 (.*) differs from rank 0 in --seed' seeds.txt || fail "the other seed is not named"
[ ! -e refused ] || fail "a search that does not begin leaves a study"
echo "search by ranks: all well"
