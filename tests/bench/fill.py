"""A 10-minute cut with 12 gaps, filled by the draft: how long the whole takes beside its gaps one by one.

    python tests/bench/fill.py --pickup target/release/pickup --clip CLIP [--json OUT]

The cut is made of one clip, over and over, with gaps of 12 to 48 frames between its parts. `pickup fill` fills it; then every gap is
filled alone, in the same cut with the other gaps closed by frames, in a store of its own. The bar: the whole takes at most the sum of its gaps and a tenth. Prints and
writes the figures; exits with 1 when a gap is not filled to the frame.
"""

import argparse, json, os, subprocess, sys, tempfile, time
from pathlib import Path


def timed(command, store):
    """Seconds of processor time, and by the clock, of a command."""
    before, began = os.times(), time.monotonic()
    done = subprocess.run(command, env=dict(os.environ, PICKUP_TAKES=str(store)), capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}")
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return cpu, time.monotonic() - began


def cut(clip, rate, frames, gaps, minutes, only=None):
    """The cut as OpenTimelineIO, and the gaps' lengths; with `only`, all other gaps are closed."""
    rational = lambda value: {"OTIO_SCHEMA": "RationalTime.1", "rate": rate, "value": float(value)}
    span = lambda start, length: {"OTIO_SCHEMA": "TimeRange.1", "start_time": rational(start), "duration": rational(length)}
    item = lambda schema, name, source: {
        "OTIO_SCHEMA": schema, "metadata": {}, "name": name, "source_range": source, "effects": [], "markers": [], "enabled": True}
    def part(start, length):
        it = item("Clip.2", "part", span(start, length))
        it["media_references"] = {"DEFAULT_MEDIA": {
            "OTIO_SCHEMA": "ExternalReference.1", "metadata": {}, "name": "", "available_range": span(0, frames),
            "available_image_bounds": None, "target_url": Path(clip).resolve().as_uri()}}
        it["active_media_reference_key"] = "DEFAULT_MEDIA"
        return it
    total, children, lengths = int(minutes * 60 * rate), [], []
    between = total // (gaps + 1)
    for n in range(gaps + 1):
        left = between
        while left > 0:
            take = min(left, frames // 2)
            children.append(part(0, take))
            left -= take
        if n < gaps:
            length = 12 + n * 3
            # Both sides of a gap come from the one take, so that it is a hole within a set-up.
            is_open = only is None or only == n
            children.append(item("Gap.1", "", span(0, length)) if is_open else part(frames // 2, length))
            children.append(part(frames // 2 + length, 24))
            lengths.append(length)
    track = dict(item("Track.1", "V1", None), children=children, kind="Video")
    stack = dict(item("Stack.1", "tracks", None), children=[track])
    return {"OTIO_SCHEMA": "Timeline.1", "metadata": {}, "name": "ten minutes", "global_start_time": rational(rate * 3600), "tracks": stack}, lengths


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--pickup", type=Path, required=True)
    p.add_argument("--clip", type=Path, required=True)
    p.add_argument("--gaps", type=int, default=12)
    p.add_argument("--minutes", type=float, default=10)
    p.add_argument("--json", type=Path)
    a = p.parse_args()
    probe = subprocess.run(["ffprobe", "-v", "error", "-count_packets", "-select_streams", "v:0", "-show_entries",
                            "stream=r_frame_rate,nb_read_packets", "-of", "json", a.clip], capture_output=True, text=True, check=True)
    stream = json.loads(probe.stdout)["streams"][0]
    num, den = map(int, stream["r_frame_rate"].split("/"))
    pickup = a.pickup.resolve()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        timeline, lengths = cut(a.clip, num / den, int(stream["nb_read_packets"]), a.gaps, a.minutes)
        source = folder / "cut.otio"
        source.write_text(json.dumps(timeline))
        plan, _ = timed([pickup, "fill", source, "--plan", "--quiet"], folder / "plan")
        whole, clock = timed([pickup, "fill", source, "--engine", "draft", "--quiet", "-o", folder / "filled.otio"], folder / "whole")
        filled = json.loads((folder / "filled.otio").read_text())["tracks"]["children"][0]["children"]
        made = [c for c in filled if "pickup" in c["metadata"]]
        got = [round(c["source_range"]["duration"]["value"]) for c in made]
        alone = 0.0
        for n in range(a.gaps):
            one, _ = cut(a.clip, num / den, int(stream["nb_read_packets"]), a.gaps, a.minutes, only=n)
            source.write_text(json.dumps(one))
            alone += timed([pickup, "fill", source, "--engine", "draft", "--quiet", "-o", folder / f"one{n}.otio"], folder / "alone")[0]
    figures = {"gaps": a.gaps, "frames": sum(lengths), "filled": got == lengths, "plan_s": plan, "whole_cpu_s": whole,
               "whole_clock_s": clock, "gaps_cpu_s": alone, "ratio": whole / alone}
    print(json.dumps(figures, indent=1))
    if a.json:
        a.json.write_text(json.dumps(figures))
    sys.exit(0 if got == lengths else f"gaps of {lengths} frames were filled with {got}")


main()
