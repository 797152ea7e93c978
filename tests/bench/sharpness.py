#!/usr/bin/env python3
"""Do made frames go soft between the kept ones? The variance of the Laplacian of made frames over that of the kept frames beside them.

  sharpness.py --media DIR [--factor 2 4 8] [--frames 33] [--width 640] [--json OUT] --command CMD

CMD as in inbetween.py. Laplacian: of luma, 3×3, four neighbours. Beside it: blending, DIS, and the true frames that were left out.
Rows: clip, factor, method, ratio (mean over made frames; 1 is as sharp and as grainy as the neighbours)."""
import argparse
import json
import shlex
import subprocess
import tempfile
from pathlib import Path

import cv2
import numpy as np

from inbetween import blend, busiest, dis_warp, read


def variance(frame):
    return cv2.Laplacian(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY).astype(np.float64), cv2.CV_64F).var()


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--media", required=True)
    ap.add_argument("--factor", type=int, nargs="+", default=[2, 4, 8])
    ap.add_argument("--frames", type=int, default=33)
    ap.add_argument("--width", type=int, default=640)
    ap.add_argument("--json")
    ap.add_argument("--command", required=True)
    args = ap.parse_args()
    cv2.setNumThreads(1)
    rows = []
    for clip in sorted(p for p in Path(args.media).iterdir() if p.suffix in (".mp4", ".mov", ".mkv", ".webm")):
        with tempfile.TemporaryDirectory() as td:
            source = Path(td, "source")
            source.mkdir()
            scale = f"select=gte(n\\,{busiest(clip, args.frames)}),scale='min({args.width},iw)':-2"
            subprocess.run(["ffmpeg", "-v", "error", "-i", str(clip), "-vf", scale, "-frames:v", str(args.frames), "-fps_mode", "passthrough", "-start_number", "0", str(source / "%06d.png")], check=True)
            truth = read(source)
            for k in args.factor:
                n = (len(truth) - 1) // k * k + 1
                kept = truth[:n:k]
                folder = Path(td, f"kept{k}")
                folder.mkdir()
                for i, f in enumerate(kept):
                    cv2.imwrite(str(folder / f"{i:06d}.png"), f)
                out = Path(td, f"out{k}")
                subprocess.run([w.format(clip=folder / "%06d.png", factor=k, out=out) for w in shlex.split(args.command)], check=True, stdout=subprocess.DEVNULL)
                ends = [variance(f) for f in kept]
                for method, frames in dict(ours=read(out), DIS=dis_warp(kept, k), blend=blend(kept, k), truth=truth).items():
                    beside = lambda i: (1 - i % k / k) * ends[i // k] + i % k / k * ends[i // k + 1]
                    ratios = [variance(frames[i]) / max(beside(i), 1e-9) for i in range(n) if i % k]
                    rows.append(dict(clip=clip.name, factor=k, method=method, ratio=float(np.mean(ratios))))
    print("| clip | kept | ours | DIS | blend | truth |\n|---|---|---|---|---|---|")
    for c, k in sorted({(r["clip"], r["factor"]) for r in rows}):
        of = {r["method"]: r["ratio"] for r in rows if (r["clip"], r["factor"]) == (c, k)}
        print(f"| {c} | 1 of {k} | " + " | ".join(f"{of[m]:.2f}" for m in ("ours", "DIS", "blend", "truth")) + " |")
    if args.json:
        Path(args.json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
