#!/usr/bin/env python3
"""Makes the fixtures of this test: one small folder per generation, as make_tiny_ltx2.py makes them, but

* every weight is rounded to bf16 before the reference runs, so that files of half the size hold the very weights that it ran on;
* the dumps keep what the stages compare, once: one decoded picture and one decoded sound a folder.

    python3 make.py [NAME …]         # needs torch 2.13, diffusers 0.42.1, transformers (see make_tiny_ltx2.py)
"""
import json, re, shutil, subprocess, sys, tempfile
from pathlib import Path
import torch
from safetensors import safe_open
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent
COMMON = "--audio-latent-ch 1 --layers 2 --text-len 16 --decoder-width 8 --bwe-width 32 --upsampler-width 32 --bf16-weights"
FOLDERS = {
    # Whatever the other two have not: an encoder that steps, a decoder that wants noise, neighbours that turn together, 3 for 2.
    "ltx-2.0": "--flavour 2.0 --seed 33 --latent-ch 4 --heads 3 --registers 8 --height 64 --width 64 --frames 9 --fps 30 "
               "--spatial-scale 1.5 --rope interleaved --strided-encoder --timestep-decoder --audio-mult 1 2 2 --audio-res-blocks 1",
    "ltx-2.3": "--flavour 2.3 --seed 31 --latent-ch 4 --heads 2 --registers 8 --height 64 --width 64 --frames 17 --vocoder-width 64 "
               "--audio-mult 1 2 3 --audio-res-blocks 1",
    "ltx-2.5": "--flavour 2.5 --seed 32 --latent-ch 4 --heads 3 --registers 4 --height 96 --width 64 --frames 9 --fps 25 "
               "--vocoder-width 64 --audio-mult 1 2 2 --diffusion-columns 3",
}
# The reference's own copies of what is there under another name, pictures and sounds beyond the first, and its way of tiling.
DROP = {
    "t2v": r"final\.(video_0_1|audio)",
    "t2v_guided": r"final\.(video_0_1|audio)|(vae\.decoder|audio_vae\.decoder|vocoder)#0\..*",
    "keyframes": r"final\.(video_0_1|audio)|(vae\.decoder|audio_vae\.decoder|vocoder)#0\..*",
    "a2v_modules": r"vae\.(tiled_decode|decode)\.out|mel_stft\.magnitude|diffusion_decoder\.(stage3|context)",
}

def load(path):
    with safe_open(path, "pt") as f:
        return {k: f.get_tensor(k) for k in f.keys()}, f.metadata()

def narrow(tensors):
    """bf16 where that loses nothing: the weights, and the inputs that were rounded."""
    exact = lambda t: t.dtype == torch.float32 and torch.equal(t.to(torch.bfloat16).float(), t)
    return {k: (t.to(torch.bfloat16) if exact(t) else t).contiguous() for k, t in tensors.items()}

def weights(source, target):
    tensors, metadata = load(source)
    # Synthesis from a spectrum is never done; half a megabyte.
    tensors = {k: t for k, t in tensors.items() if not k.endswith("inverse_basis")}
    tensors = narrow(tensors)
    wide = [k for k, t in tensors.items() if t.dtype == torch.float32]
    if wide: raise SystemExit(f"{source}: not of bf16 values: {wide}")
    target.parent.mkdir(parents=True, exist_ok=True); save_file(tensors, target, metadata=metadata)

for name, arguments in FOLDERS.items():
    if sys.argv[1:] and name not in sys.argv[1:]: continue
    out = HERE / "fixtures" / name
    shutil.rmtree(out, ignore_errors=True); out.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        full = Path(scratch) / name
        subprocess.run([sys.executable, HERE / "make_tiny_ltx2.py", "--out", str(full), *COMMON.split(), *arguments.split()], check=True,
                       stdout=subprocess.DEVNULL)
        for path in sorted(full.glob("original/*.safetensors")): weights(path, out / "original" / path.name)
        for folder in ("diffusers/text_encoder", "diffusers/tokenizer", "diffusion_decoder"):
            for path in sorted((full / folder).glob("*")):
                target = out / folder / path.name
                target.parent.mkdir(parents=True, exist_ok=True)
                if path.suffix == ".safetensors": weights(path, target)
                else: shutil.copy(path, target)
        for case, drop in DROP.items():
            tensors, _ = load(full / f"dump_{case}.safetensors")
            save_file(narrow({k: t for k, t in tensors.items() if not re.fullmatch(drop, k)}), out / f"dump_{case}.safetensors")
        manifest = json.loads((full / "manifest.json").read_text())
        manifest["args"]["out"] = name
        kept = {key: manifest[key] for key in ("args", "torch", "ctor", "stats", "sensitivity", "param_count")}
        (out / "manifest.json").write_text(json.dumps(kept, indent=1) + "\n")
    print(name, round(sum(p.stat().st_size for p in out.rglob("*") if p.is_file()) / 1e6, 2), "MB")
