#!/usr/bin/env python3
"""How good is the draft's optical flow, and what does it cost?

  flow.py --media DIR --flow EXECUTABLE [--json OUT]

EXECUTABLE is the draft's example `flow`. Beside it: OpenCV's DIS, presets medium and fast, on the same luma, one thread.

made: scenes with a known answer. A frame of every clip is moved by translation, zoom, rotation or all of them; an ellipse cut out
of another clip's frame moves over it by a motion of its own. Both pictures are rendered from the same functions, twice
supersampled, with a little noise. Error: mean distance between the vector found and the true one, pixels, without the pixels that
the second picture does not show.
real: neighbouring frames of the busiest stretch of each clip, two apart. Error: mean absolute difference, in grey levels, between
the first frame and the second one warped onto it.
cpu_ms: processor milliseconds of one direction at 1920×1080, the least of five.
Rows: kind, scene, method, error; and cpu_ms once for each method."""
import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from inbetween import busiest

SIZE = (640, 360)
SUPER = 2


def frames(clip, start, count, size):
    scale = f"select=gte(n\\,{start}),scale={size[0]}:{size[1]}:flags=bicubic"
    command = ["ffmpeg", "-v", "error", "-i", str(clip), "-map", "0:v:0", "-vf", scale, "-frames:v", str(count), "-fps_mode", "passthrough", "-pix_fmt", "bgr24", "-f", "rawvideo", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, size[1], size[0], 3)


def dis(preset):
    search = cv2.DISOpticalFlow_create(preset)
    return lambda a, b: search.calc(cv2.cvtColor(a, cv2.COLOR_BGR2GRAY), cv2.cvtColor(b, cv2.COLOR_BGR2GRAY), None)


def affine(dx=0.0, dy=0.0, zoom=1.0, turn=0.0):
    """Where a point moves to: zoom and turn (radians) about the middle, then a shift."""
    c, s = zoom * np.cos(turn), zoom * np.sin(turn)
    mx, my = SIZE[0] / 2, SIZE[1] / 2
    return np.array([[c, -s, mx - c * mx + s * my + dx], [s, c, my - s * mx - c * my + dy], [0, 0, 1]])


# Behind, and the ellipse in front; pixels, factors and radians from one picture to the other.
SCENES = {
    "pan": (dict(dx=6.4, dy=-2.3), dict(dx=-5.5, dy=1.5)),
    "fast pan": (dict(dx=27.0, dy=4.0), dict(dx=-14.0, dy=-9.0)),
    "zoom": (dict(zoom=1.05), dict(dx=9.0, zoom=0.97)),
    "turn": (dict(turn=0.04), dict(dy=7.5, turn=-0.03)),
    "hand-held": (dict(dx=-4.5, dy=8.0, zoom=0.98, turn=0.015), dict(dx=12.0, dy=3.0, zoom=1.03)),
}


def scene(back, front, moves, seed):
    """Two pictures, the true motion of the first one's pixels, and where it can be seen."""
    w, h = SIZE
    ellipse = lambda x, y: ((x - 0.42 * w) / (0.16 * w)) ** 2 + ((y - 0.55 * h) / (0.27 * h)) ** 2 < 1.0
    behind, before = (affine(**m) for m in moves)

    def paint(a, b):
        y, x = (np.mgrid[0 : h * SUPER, 0 : w * SUPER].astype(np.float64) + 0.5) / SUPER - 0.5
        at = lambda m: [(r[0] * x + r[1] * y + r[2]).astype(np.float32) for r in np.linalg.inv(m)[:2]]
        read = lambda image, p: cv2.remap(image, p[0], p[1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101).astype(np.float32)
        p, q = at(a), at(b)
        inside = ellipse(*q)[..., None]
        big = np.where(inside, read(front, q), read(back, p))
        small = cv2.resize(big, (w, h), interpolation=cv2.INTER_AREA)
        return small, inside[SUPER // 2 :: SUPER, SUPER // 2 :: SUPER, 0]

    noise = np.random.default_rng(seed)
    (first, inside), (second, _) = paint(np.eye(3), np.eye(3)), paint(behind, before)
    grainy = lambda image: np.clip(image + noise.normal(0, 1.5, image.shape), 0, 255).round().astype(np.uint8)
    y, x = np.mgrid[0:h, 0:w].astype(np.float64)
    to = lambda m: np.stack([m[0, 0] * x + m[0, 1] * y + m[0, 2] - x, m[1, 0] * x + m[1, 1] * y + m[1, 2] - y], -1)
    truth = np.where(inside[..., None], to(before), to(behind))
    end = np.stack([x, y], -1) + truth
    back_there = np.linalg.inv(before) @ np.stack([end[..., 0].ravel(), end[..., 1].ravel(), np.ones(w * h)])
    hidden = ~inside & ellipse(back_there[0], back_there[1]).reshape(h, w)
    outside = (end[..., 0] < 0) | (end[..., 1] < 0) | (end[..., 0] > w - 1) | (end[..., 1] > h - 1)
    return grainy(first), grainy(second), truth, ~(hidden | outside)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--media", required=True)
    ap.add_argument("--flow", required=True)
    ap.add_argument("--json")
    args = ap.parse_args()
    cv2.setNumThreads(1)
    rivals = {"DIS medium": dis(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM), "DIS fast": dis(cv2.DISOPTICAL_FLOW_PRESET_FAST)}
    clips = sorted(p for p in Path(args.media).iterdir() if p.suffix in (".mp4", ".mov", ".mkv", ".webm"))
    rows = []
    with tempfile.TemporaryDirectory() as td:

        def ours(a, b, times=1):
            one, two, out = (Path(td, n) for n in ("a.png", "b.png", "flow"))
            cv2.imwrite(str(one), a)
            cv2.imwrite(str(two), b)
            run = subprocess.run([args.flow, one, two, out, str(times)], capture_output=True, text=True, check=True, env={**os.environ, "RAYON_NUM_THREADS": "1"})
            return np.fromfile(out, "<f4").reshape(*a.shape[:2], 2), json.loads(run.stdout)["cpu_ms"]

        methods = {"ours": lambda a, b: ours(a, b)[0], **rivals}
        strips = [frames(c, busiest(c, 5), 3, SIZE) for c in clips]
        for n, (name, moves) in enumerate(SCENES.items()):
            for at, clip in enumerate(clips):
                first, second, truth, seen = scene(strips[at][0], strips[(at + 1) % len(clips)][0], moves, 100 * n + at)
                for method, search in methods.items():
                    error = np.linalg.norm(search(first, second) - truth, axis=-1)[seen].mean()
                    rows.append(dict(kind="made", scene=f"{name}, {clip.name}", method=method, error=float(error)))
        y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]].astype(np.float32)
        for clip, strip in zip(clips, strips):
            a, b = strip[0], strip[-1]
            for method, search in methods.items():
                f = search(a, b)
                warped = cv2.remap(b, x + f[..., 0], y + f[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
                rows.append(dict(kind="real", scene=clip.name, method=method, error=float(np.abs(warped.astype(np.float32) - a).mean())))
        a, b = (cv2.resize(f, (1920, 1080), interpolation=cv2.INTER_CUBIC) for f in (strips[-1][0], strips[-1][-1]))
        rows.append(dict(kind="cpu_ms", scene=clips[-1].name, method="ours", error=ours(a, b, 5)[1]))
        for method, search in rivals.items():
            spent = []
            for _ in range(5):
                start = time.process_time()
                search(a, b)
                spent.append(time.process_time() - start)
            rows.append(dict(kind="cpu_ms", scene=clips[-1].name, method=method, error=1e3 * min(spent)))
    print("| | " + " | ".join(methods) + " |\n|---|" + "---|" * len(methods))
    for kind, unit in (("made", "pixels"), ("real", "grey levels"), ("cpu_ms", "ms")):
        mean = lambda m: np.mean([r["error"] for r in rows if (r["kind"], r["method"]) == (kind, m)])
        print(f"| {kind}, {unit} | " + " | ".join(f"{mean(m):.3f}" for m in methods) + " |")
    if args.json:
        Path(args.json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
