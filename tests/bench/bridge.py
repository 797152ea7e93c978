#!/usr/bin/env python3
"""Does the draft know how well a bridge hides? Frames are cut out of clips, bridged, and compared with what was cut out.

  bridge.py --media DIR [--gaps 2 6 12 24] [--cases 3] [--width 640] [--json OUT] --command CMD

CMD is run once per case with {tail} and {head} (PNG patterns, %06d from 0, of the frames before and after), {frames}, {store}
(a folder for takes) and {out} (one that it fills with PNG frames), and prints events as JSON lines, among them a note that begins
with "hideability:" and the take, whose take.json holds the figure. Besides gaps inside a shot there is one case per clip whose head comes from the next clip: there
the only right word is "use a cutaway".

PSNR: RGB, dB, 8 bit. SSIM: luma, as in inbetween.py. Rows: clip, gap (0: another clip), measure, word, psnr, ssim of the made frames."""
import argparse
import json
import shlex
import subprocess
import tempfile
from pathlib import Path

import cv2
import numpy as np

from inbetween import psnr, read, ssim

HANDLE = 4


def decode(clip, start, count, size, folder):
    """Frames `start` to `start + count` of a clip, brought to `size`, as PNG files."""
    folder.mkdir(parents=True)
    scale = f"select=gte(n\\,{start}),scale={size[0]}:{size[1]}"
    command = ["ffmpeg", "-v", "error", "-i", str(clip), "-vf", scale, "-frames:v", str(count), "-fps_mode", "passthrough", "-start_number", "0", str(folder / "%06d.png")]
    subprocess.run(command, check=True)
    return read(folder)


def measured(text):
    """The figure and the word among the events that a command printed."""
    measure, word = None, None

    def walk(value):
        nonlocal measure, word
        if isinstance(value, dict):
            if value.get("name") == "hideability":
                measure = value.get("value")
            for v in value.values():
                walk(v)
        elif isinstance(value, list):
            for v in value:
                walk(v)
        elif isinstance(value, str):
            if value.startswith("hideability: "):
                word = value.removeprefix("hideability: ").split(";")[0]
            elif value.startswith("the two sides do not match"):
                word = "use a cutaway"

    for line in text.splitlines():
        if line.startswith("{"):
            event = json.loads(line)
            walk(event)
            if event.get("event") == "take":
                walk(json.loads(Path(event["folder"], "take.json").read_text()))
    return measure, word


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--media", required=True)
    ap.add_argument("--gaps", type=int, nargs="+", default=[2, 6, 12, 24])
    ap.add_argument("--cases", type=int, default=3)
    ap.add_argument("--width", type=int, default=640)
    ap.add_argument("--json")
    ap.add_argument("--command", required=True)
    args = ap.parse_args()
    cv2.setNumThreads(1)
    clips = sorted(p for p in Path(args.media).iterdir() if p.suffix in (".mp4", ".mov", ".mkv", ".webm"))
    size = (args.width, args.width * 9 // 32 * 2)
    rows = []
    with tempfile.TemporaryDirectory() as td:
        strips = {c: decode(c, 0, args.cases * (max(args.gaps) + 2 * HANDLE), size, Path(td, c.stem, "all")) for c in clips}

        def case(name, gap, tail, head, truth):
            folder = Path(td, f"case{len(rows)}")
            for side, frames in (("tail", tail), ("head", head)):
                (folder / side).mkdir(parents=True)
                for i, f in enumerate(frames):
                    cv2.imwrite(str(folder / side / f"{i:06d}.png"), f)
            words = dict(tail=folder / "tail" / "%06d.png", head=folder / "head" / "%06d.png", frames=max(gap, 6) if truth is None else gap, out=folder / "out", store=folder / "store")
            run = subprocess.run([w.format(**words) for w in shlex.split(args.command)], capture_output=True, text=True, check=True)
            measure, word = measured(run.stdout)
            made = read(folder / "out")
            close = [(psnr(a, b), ssim(a, b)) for a, b in zip(made, truth or [])]
            mean = np.mean(close, axis=0).tolist() if close else [None, None]
            rows.append(dict(clip=name, gap=gap, measure=measure, word=word, psnr=mean[0], ssim=mean[1]))

        for at, clip in enumerate(clips):
            strip = strips[clip]
            for gap in args.gaps:
                for n in range(args.cases):
                    start = n * (len(strip) - gap - 2 * HANDLE) // max(1, args.cases - 1)
                    if start < 0 or start + gap + 2 * HANDLE > len(strip):
                        continue
                    part = strip[start : start + gap + 2 * HANDLE]
                    case(clip.name, gap, part[:HANDLE], part[-HANDLE:], part[HANDLE:-HANDLE])
            other = strips[clips[(at + 1) % len(clips)]]
            case(clip.name, 0, strip[:HANDLE], other[:HANDLE], None)
    print("| word | cases | PSNR, mean | PSNR, lowest | other clips |\n|---|---|---|---|---|")
    for word in dict.fromkeys(r["word"] for r in rows):
        mine = [r for r in rows if r["word"] == word]
        close = [r["psnr"] for r in mine if r["psnr"] is not None] or [float("nan")]
        print(f"| {word} | {len(mine)} | {np.mean(close):.2f} | {min(close):.2f} | {sum(r['gap'] == 0 for r in mine)} |")
    if args.json:
        Path(args.json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
