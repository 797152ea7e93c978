#!/usr/bin/env bash
# Fills a real gap in a real cut and leaves the results in target/demo. Called by `make demo`.
set -euo pipefail
cd "$(dirname "$0")/.."
pickup=$PWD/target/release/pickup
out=$PWD/target/demo
rm -rf "$out" && mkdir -p "$out"

echo
echo "A highway shot lacks 12 frames, and the ambience under them. Filling the cut tests/media/demo.otio:"
"$pickup" fill tests/media/demo.otio --takes-dir "$out/takes" -o "$out/cut.otio"

# One file with picture and sound, as it comes from a camera: the cut has them on two tracks.
ffmpeg -v error -nostdin -y -i tests/media/clips/udacity_lane.mp4 -ss 4 -i tests/media/audio/bl_city.ogg \
    -map 0:v -map 1:a -c:v copy -c:a pcm_s24le -ar 48000 -shortest "$out/shot.mov"
echo
echo "The same hole as a movie, alone and with a second of its neighbours on each side:"
common=(--tail "$out/shot.mov@25-50" --head "$out/shot.mov@62-87" --frames 12 --start 01:00:02:00 --takes-dir "$out/takes")
"$pickup" bridge "${common[@]}" --seams "$out/seams.png" -o "$out/bridge.mov"
"$pickup" bridge "${common[@]}" --with-neighbours --quiet -o "$out/bridge.mp4"

echo
echo "Look at:  target/demo/seams.png    before | made | after"
echo "          target/demo/bridge.mp4   one second before, the made 12 frames, one second after"
echo "          target/demo/bridge.mov   the made frames: ProRes 4444, 24-bit sound, timecode"
echo "          target/demo/cut.otio     the cut, filled: import it into Resolve, Hiero, Kdenlive …"
