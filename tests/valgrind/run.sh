#!/usr/bin/env bash
# The built bundle under valgrind: memcheck over whole lives in good and bad hosts, DRD over renders from eight threads.
# Ends with 1 where something is found that supp.txt does not explain. Needs valgrind; takes some minutes.
#   tests/valgrind/run.sh [memcheck|drd]
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo=${CARGO:-cargo}
common=(--error-exitcode=9 --suppressions=tests/valgrind/supp.txt --gen-suppressions=all --num-callers=30)

memcheck() {
    local binary
    binary=$($cargo test --locked --release -p pickup --test bundle_lifecycle --no-run --message-format=json |
        python3 -c 'import json,sys; print([e for e in (json.loads(l) for l in sys.stdin if l[0]=="{") if e.get("executable")][-1]["executable"])')
    # Definite leaks only: what a library keeps for its life is reachable, and it never leaves the process.
    valgrind --tool=memcheck "${common[@]}" --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=none \
        "$binary" --test-threads 1 a_polite_host null_handles load_a_hundred mlt_makes two_copies a_set_param
}

drd() {
    $cargo build --locked --release -p test-host --bins
    valgrind --tool=drd "${common[@]}" --check-stack-var=no --fair-sched=try "${CARGO_TARGET_DIR:-target}/release/pickup-hostbench" threads "${FRAMES:-200}"
}

case ${1:-all} in
memcheck) memcheck ;;
drd) drd ;;
all) memcheck && drd ;;
esac
