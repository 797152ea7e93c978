#!/usr/bin/env python3
"""Does a match, exported as .cube and CDL, look the same in a host? Both files are applied by OpenColorIO, as hosts do, and compared with
the frames that the engine itself changed. CIEDE2000, sRGB, D65; clips, frames and grades as colour.py has them.

  look_files.py --media DIR --command CMD [--json OUT]

CMD gets {reference} {input} {out} (16-bit PNG), {lut} and {cdl}, and writes the last three. Where nothing was changed there is nothing
to compare: the files must then change nothing, which counts too. Columns: file, mean difference, 99.9th percentile in the worst picture.
What a .cdl says of itself (mean CIEDE2000 to the match) is read from its description."""
import argparse, json, re, shlex, subprocess, tempfile
from pathlib import Path
import cv2, numpy as np, PyOpenColorIO as ocio
from skimage.color import deltaE_ciede2000, rgb2lab
from colour import GRADES, frames

def read(path): x = cv2.imread(str(path), cv2.IMREAD_UNCHANGED); return (x[..., 2::-1] / (65535.0 if x.dtype == np.uint16 else 255.0)).astype(np.float32)

def apply(transform, picture):
    out = np.array(picture, np.float32, order="C"); ocio.Config.CreateRaw().getProcessor(transform).getDefaultCPUProcessor().applyRGB(out); return np.clip(out, 0, 1)

def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter); ap.add_argument("--media", required=True); ap.add_argument("--command", required=True); ap.add_argument("--json"); o = ap.parse_args(); rows = []
    for clip in sorted(p for p in Path(o.media).iterdir() if p.suffix in (".mp4", ".mov", ".mkv", ".webm")):
        ref, other = frames(clip)
        for grade, g in GRADES.items():
            with tempfile.TemporaryDirectory() as td:
                f = {k: f"{td}/{k}" for k in ("reference.png", "input.png", "out.png", "lut.cube", "cdl.cdl")}
                for k, x in (("reference.png", ref), ("input.png", np.clip(g(other), 0, 1))): cv2.imwrite(f[k], np.round(x[..., ::-1] * 65535).astype(np.uint16))
                subprocess.run([q.format(**{k.split(".")[0]: v for k, v in f.items()}) for q in shlex.split(o.command)], check=True); given, ours = read(f["input.png"]), read(f["out.png"])
                said = re.search(r"CIEDE2000 to the match ([\d.]+)", Path(f["cdl.cdl"]).read_text())
                for name, transform in (("cube", ocio.FileTransform(f["lut.cube"], interpolation=ocio.INTERP_TETRAHEDRAL)), ("cdl", ocio.CDLTransform.CreateFromFile(f["cdl.cdl"], "pickup-match"))):
                    if name == "cdl": transform.setStyle(ocio.CDL_ASC)
                    d = deltaE_ciede2000(rgb2lab(apply(transform, given)), rgb2lab(ours)); rows.append(dict(clip=clip.name, grade=grade, file=name, mean=float(d.mean()), high=float(np.quantile(d, .999)), said=float(said[1]) if said else None, changed=float(deltaE_ciede2000(rgb2lab(given), rgb2lab(ours)).mean())))
    print("| file | mean | 99.9th percentile, worst picture | said of itself, mean |\n|---|---|---|---|")
    for n in ("cube", "cdl"): of = [r for r in rows if r["file"] == n]; print(f"| {n} | {np.mean([r['mean'] for r in of]):.3f} | {max(r['high'] for r in of):.2f} | {np.mean([r['said'] or 0 for r in of]):.2f} |")
    if o.json: Path(o.json).write_text(json.dumps(rows, indent=1))
if __name__ == "__main__": main()
