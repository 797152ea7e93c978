#!/usr/bin/env bash
# Fills a real gap in a real cut and leaves the results in target/demo. Called by `make demo`.
set -euo pipefail
cd "$(dirname "$0")/.."
pickup=$PWD/target/release/pickup
out=$PWD/target/demo
lane=tests/media/clips/udacity_lane.mp4
rm -rf "$out" && mkdir -p "$out"

echo
echo "A highway shot lacks 12 frames, and the ambience under them. Filling the cut tests/media/demo.otio:"
"$pickup" fill tests/media/demo.otio --takes-dir "$out/takes" -o "$out/cut.otio"

echo
echo "The same hole as a movie with its neighbours, to look at:"
common=(--tail "$lane@25-50" --head "$lane@62-87" --frames 12 --start 01:00:02:00 --takes-dir "$out/takes")
"$pickup" bridge "${common[@]}" --seams "$out/seams.png" -o "$out/bridge.mov"
"$pickup" bridge "${common[@]}" --with-neighbours -o "$out/bridge.mp4"

echo
echo "Look at:  target/demo/seams.png    before | made | after"
echo "          target/demo/bridge.mp4   one second before, the made 12 frames, one second after"
echo "          target/demo/bridge.mov   the made frames: ProRes 4444, 24-bit sound, timecode"
echo "          target/demo/cut.otio     the cut, filled: import it into Resolve, Hiero, Kdenlive …"
