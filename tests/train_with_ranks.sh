#!/usr/bin/env bash
# Training by ranks that mpirun starts: the same file from any number of them, going on with another number, and
# every fault ends all ranks in words.
#   train_with_ranks.sh PROGRAM
set -euo pipefail
. "$(dirname "$0")/ranks_setup.sh"

make_rows 900
sed '5s/^[^,]*/0.5/' rows.csv > other.csv
train=("$program" train --data rows.csv --hidden 40,24 --batch 128 --threads 1)

for ranks in 1 2 3 4; do
  timeout 200 "$with_ranks" "$ranks" "${train[@]}" --epochs 4 --out "$ranks.ztilde" > "$ranks.txt" 2>&1 || fail "$ranks ranks"
  cmp 1.ztilde "$ranks.ztilde" || fail "$ranks ranks give another model than one"
  [ "$(grep -c '^saved ' "$ranks.txt")" = 1 ] || fail "not one rank alone speaks"
done

# Images through shortcuts, tables of categories that are trained, and folds with a model of all rows after them.
/usr/bin/python3 - << 'END'
import random, struct
random.seed(5)
images, rows = 300, [random.choice((0, 1)) for _ in range(300)]
with open("images", "wb") as file:
    file.write(struct.pack(">IIII", 2051, images, 8, 8))
    for top in rows:
        file.write(bytes(random.randrange(100) + (120 if (i < 32) == bool(top) else 0) for i in range(64)))
with open("labels", "wb") as file:
    file.write(struct.pack(">II", 2049, images) + bytes(rows))
END
awk -F, -v OFS=, 'NR == 1 { print $0, "place" } NR > 1 { print $0, "p" NR * 7 % 60 }' rows.csv > places.csv
pictures=(--data images --labels labels --net resnet8 --epochs 1)
places=(--data places.csv --target kind --one-hot 4 --epochs 2)
folds=(--data rows.csv --folds 3 --epochs 2 --json)
for kind in pictures places folds; do
  declare -n options=$kind
  for ranks in 1 3; do
    timeout 300 "$with_ranks" "$ranks" "$program" train "${options[@]}" --threads 1 --out "$kind$ranks.ztilde" > "$kind$ranks.txt" 2>&1 || fail "$kind by $ranks ranks"
  done
  cmp "${kind}1.ztilde" "${kind}3.ztilde" || fail "$kind: three ranks give another model than one"
done
scores() { grep -o '"accuracy":[^,]*' "$1"; }
[ "$(scores folds1.txt)" = "$(scores folds3.txt)" ] && [ -n "$(scores folds3.txt)" ] || fail "folds: three ranks give other scores than one"
timeout 300 "$with_ranks" 2 "$program" train "${folds[@]}" > alone.txt 2>&1 || fail "folds alone"
[ "$(grep -c '"folds"' alone.txt)" = 1 ] || fail "folds: not one rank alone speaks"

wait_for() {
  for _ in $(seq 400); do [ -s "$1" ] && return; sleep 0.02; done
  fail "no $1"
}
# The process of the last rank whose command line has this word.
last_rank() {
  pgrep -f "^$program train .*$1" | tail -1
}

# Killed in the middle, it goes on with another number of ranks, to the bytes of an unbroken run.
long=(--epochs 150 --checkpoint run.ckpt)
timeout 200 "$with_ranks" 1 "${train[@]}" --epochs 150 --out whole.ztilde > whole.txt 2>&1 || fail "one rank"
(timeout 200 "$with_ranks" 2 "${train[@]}" "${long[@]}" --checkpoint-every 1 --out broken.ztilde > killed.txt 2>&1 && echo 0 > killed.code || echo 1 > killed.code) &
wait_for run.ckpt
kill -9 "$(last_rank broken.ztilde)"
wait
[ "$(cat killed.code)" != 0 ] || fail "a killed rank is no failure"
[ ! -e broken.ztilde ] || fail "a broken run left a model"
timeout 200 "$with_ranks" 3 "${train[@]}" "${long[@]}" --resume --out broken.ztilde > resumed.txt 2>&1 || fail "going on"
cmp broken.ztilde whole.ztilde || fail "going on with three ranks gives another model"

# Rows or options that differ on one rank.
cat > differs.sh <<'END'
#!/bin/sh
# differs.sh RANK OPTION VALUE COMMAND…: this option for that rank alone.
rank=$1 option=$2 value=$3
shift 3
if [ "$OMPI_COMM_WORLD_RANK" = "$rank" ]; then exec "$@" "$option" "$value"; fi
exec "$@"
END
chmod +x differs.sh
timeout 200 "$with_ranks" 2 ./differs.sh 1 --lr 0.5 "${train[@]}" --epochs 1 --out differs.ztilde > lr.txt 2>&1 && fail "other options are no failure"
grep -q 'error: rank 1 (.*) differs from rank 0 in --lr' lr.txt || fail "the other option is not named"
[ "$(grep -c '^error' lr.txt)" = 1 ] || fail "not one line"
timeout 200 "$with_ranks" 2 sh -c 'if [ $OMPI_COMM_WORLD_RANK = 1 ]; then cp other.csv mine1.csv; else cp rows.csv mine0.csv; fi; exec '"$program"' train --data mine$OMPI_COMM_WORLD_RANK.csv --epochs 1 --out differs.ztilde' > rows.txt 2>&1 && fail "other rows are no failure"
grep -q 'error: rank 1 (.*) has other rows' rows.txt || fail "the other rows are not named"

# A rank that stops answering.
(timeout 200 "$with_ranks" 2 "${train[@]}" --epochs 4000 --timeout 2 --checkpoint stop.ckpt --checkpoint-every 1 --out stopped.ztilde > stop.txt 2>&1 && echo 0 > stop.code || echo 1 > stop.code) &
wait_for stop.ckpt
kill -STOP "$(last_rank stopped.ztilde)"
wait
[ "$(cat stop.code)" != 0 ] || fail "a stopped rank is no failure"
grep -qE 'error: rank [01] \(.*\) has not answered for 2 s' stop.txt || fail "the stopped rank is not named"
echo "ranks: all well"
