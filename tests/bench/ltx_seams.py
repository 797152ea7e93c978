#!/usr/bin/env python3
"""How a minute from the ltx engine goes on where one stretch takes over from another, on a small checkpoint of random weights.

  ltx_seams.py --pickup PROGRAM --checkpoint FOLDER [--seconds 60]

PROGRAM is pickup, FOLDER a folder of the parity program (`original`, `diffusers/text_encoder`, `diffusers/tokenizer`). Bridges two
clips of 64 × 64 at 24 frames a second, and prints JSON: the take's own figures of its joins, and what ffmpeg counts of the movie."""
import argparse
import json
import shutil
import subprocess
import tempfile
from pathlib import Path


def clip(path, tone):
    source = ["-f", "lavfi", "-i", "testsrc2=size=64x64:rate=24:duration=2", "-f", "lavfi", "-i", f"sine=frequency={tone}:sample_rate=48000:duration=2"]
    subprocess.run(["ffmpeg", "-v", "error", *source, "-ac", "2", "-c:v", "ffv1", "-c:a", "pcm_s16le", path], check=True)
    return path


def weights(folder, checkpoint):
    """The checkpoint as a user has it; its name makes it a distilled one."""
    for part in ("original", "diffusers/text_encoder", "diffusers/tokenizer"):
        to = folder / Path(part).name
        to.mkdir(parents=True)
        for file in sorted((checkpoint / part).iterdir()):
            shutil.copy(file, to / file.name.replace("ltx-tiny-2", "ltx-tiny-distilled-2"))
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pickup", required=True, type=lambda path: Path(path).resolve())
    parser.add_argument("--checkpoint", required=True, type=Path)
    parser.add_argument("--seconds", type=int, default=60)
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as td:
        td = Path(td)
        command = [a.pickup, "bridge", "--tail", clip(td / "tail.mkv", 220), "--head", clip(td / "head.mkv", 330)]
        command += ["--frames", 24 * a.seconds, "--engine", "ltx", "--weights", weights(td / "weights", a.checkpoint), "--prompt", "a harbour"]
        command += ["--seed", 3, "--takes-dir", td / "takes", "--json", "-o", td / "made.mov"]
        out = subprocess.run([str(c) for c in command], capture_output=True, text=True)
        if out.returncode:
            raise SystemExit(out.stderr.strip() or out.stdout.strip().splitlines()[-1])
        folder = next(event["folder"] for event in map(json.loads, out.stdout.splitlines()) if "folder" in event)
        take = json.loads(Path(folder, "take.json").read_text())
        count = ["ffprobe", "-v", "error", "-count_frames", "-select_streams", "v", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", td / "made.mov"]
        frames = int(subprocess.run([str(c) for c in count], capture_output=True, text=True, check=True).stdout)
    figures = {figure["name"]: figure["value"] for figure in take["figures"]}
    wanted = {name: figures.get(name) for name in ("window-seam", "window-seam-sound", "frozen")}
    print(json.dumps(dict(frames=frames, asked=24 * a.seconds, notes=take["notes"], **wanted)))


if __name__ == "__main__":
    main()
