#!/usr/bin/env bash
# The built bundle under valgrind's memcheck: whole lives in good and bad hosts. Ends with 1 where something is found that supp.txt
# does not explain; that file is empty, and a line in it must say why. Needs valgrind; takes some minutes.
#
# Helgrind and DRD are not run: they know the locks of pthreads alone, while those of Rust's library and of parking_lot are atomics
# and futexes, so that they report every access behind a lock, and the library's own start of a thread. What they would be for is
# held by the borrow checker (all of the effect but host-sys is safe Rust) and by renders from eight threads that are compared
# (tests/bundle_threads.rs, `pickup-hostbench threads`).
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo=${CARGO:-cargo}

binary=$($cargo test --locked --release -p pickup --test bundle_lifecycle --no-run --message-format=json |
    python3 -c 'import json,sys; print([e for e in (json.loads(l) for l in sys.stdin if l[0]=="{") if e.get("executable")][-1]["executable"])')
# What the library keeps for its life on purpose can still be reached, and is no leak.
valgrind --tool=memcheck --error-exitcode=1 --suppressions=tests/valgrind/supp.txt --gen-suppressions=all --num-callers=30 \
    --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
    "$binary" --test-threads 1 a_polite_host null_handles load_a_hundred mlt_makes two_copies a_set_param
