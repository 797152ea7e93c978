#!/usr/bin/env python3
"""Decodes one latent with diffusers on PyTorch and with crate ltx, in turn, and prints medians and ratios, then the most memory our
decode takes as frames grow and beside what it said, and all of it once more as a line of JSON.

  ltx_decode.py [--repeat 5] [--threads 2] [--decode target/release/examples/decode]

Needs torch, diffusers and safetensors, and the example: cargo build --release -p ltx --example decode. The decoder is of middling
size (5.7 M parameters, 512x320, 33 frames) with random weights. On a busy machine compare processor seconds, not the wall's."""
import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--repeat", type=int, default=5)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--decode", type=Path, default=ROOT / "target" / "release" / "examples" / "decode")
parser.add_argument("--frames", type=int, nargs="*", default=[65, 129, 257])
args = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = str(args.threads)

import torch  # noqa: E402: the number of threads is read when it is loaded
from diffusers import AutoencoderKLLTX2Video  # noqa: E402
from safetensors.torch import save_file  # noqa: E402


def model():
    """The decoder's layers are those of the published one, a quarter as wide and two deep; the encoder is not used."""
    torch.manual_seed(0)
    return AutoencoderKLLTX2Video(
        latent_channels=32, block_out_channels=(64, 128, 256, 256), layers_per_block=(1,) * 5,
        downsample_type=("spatial", "temporal", "spatiotemporal", "spatiotemporal"), spatio_temporal_scaling=(True,) * 4,
        decoder_block_out_channels=(32, 64, 64, 128), decoder_layers_per_block=(2,) * 5, decoder_spatio_temporal_scaling=(True,) * 4,
        decoder_inject_noise=(False,) * 5, upsample_type=("spatiotemporal", "spatiotemporal", "temporal", "spatial"),
        upsample_residual=(False,) * 4, upsample_factor=(2, 2, 1, 2), decoder_spatial_padding_mode="zeros", decoder_causal=False,
        timestep_conditioning=False, spatial_compression_ratio=32, temporal_compression_ratio=8).eval()


def ours(folder, *more, latents="latents.safetensors"):
    command = [args.decode, folder / latents, folder / "vae", folder / "transformer.safetensors", *map(str, more)]
    done = subprocess.run(command, env={**os.environ, "RAYON_NUM_THREADS": str(args.threads)}, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{args.decode}: {done.stderr.strip()}")
    return json.loads(done.stdout)


with tempfile.TemporaryDirectory() as folder, torch.no_grad():
    torch.set_num_threads(args.threads)
    folder, vae = Path(folder), model()
    vae.save_pretrained(folder / "vae")
    # A checkpoint is known by its transformer: one tensor of it is enough to read the VAE.
    stub = {"model.diffusion_model.patchify_proj.bias": torch.zeros(1)}
    save_file(stub, folder / "transformer.safetensors", metadata={"model_version": "2.3.0", "config": json.dumps({"transformer": {}})})
    latent = torch.randn(1, 32, 5, 10, 16)
    want = vae.decode(latent, return_dict=False)[0]
    save_file({"vae.in": latent, "vae.out": want.contiguous()}, folder / "latents.safetensors")
    rows = {"PyTorch": [], "ltx": []}
    for _ in range(args.repeat):
        wall, cpu = time.perf_counter(), time.process_time()
        vae.decode(latent, return_dict=False)
        rows["PyTorch"].append((time.perf_counter() - wall, time.process_time() - cpu))
        # The first of a process meets cold memory, as PyTorch's first did before this loop.
        got = ours(folder, "--repeat", 2)
        rows["ltx"].append((got["wall"], got["cpu"]))
    print(f"512x320, 33 frames, {args.threads} threads, median of {args.repeat}, relative error {got['error']:.1e}")
    print(f"{'':10}{'wall s':>10}{'cpu s':>10}")
    medians = {name: [statistics.median(column) for column in zip(*values)] for name, values in rows.items()}
    for name, (wall, cpu) in medians.items():
        print(f"{name:10}{wall:10.3f}{cpu:10.3f}")
    ratio = [a / b for a, b in zip(medians["ltx"], medians["PyTorch"])]
    print(f"{'ratio':10}{ratio[0]:10.2f}{ratio[1]:10.2f}\n")
    print(f"{'frames':>10}{'VmHWM MiB':>12}{'cpu s':>10}")
    memory = {}
    # Lengths that are not compared with a reference: that would be in memory too.
    for frames in args.frames:
        got = ours(folder, "--frames", frames)
        memory[got["pictures"]] = round(got["vmhwm"] / 2**20, 1)
        print(f"{got['pictures']:10}{got['vmhwm'] / 2**20:12.1f}{got['cpu']:10.3f}")
    # What the decoder says that it takes beside the weights, at the size of a finished shot: small ones take some 60 MiB more, which
    # the allocator keeps.
    save_file({"vae.in": torch.randn(1, 32, 5, 22, 40)}, folder / "large.safetensors")
    large = ours(folder, "--frames", 33, latents="large.safetensors")
    took, estimate = large["vmhwm"] - large["resident"], large["estimate"]
    print(f"\n1280x704: took {took / 2**20:.0f} MiB beside the weights, said {estimate / 2**20:.0f} MiB")
    row = {"wall_ratio": round(ratio[0], 3), "cpu_ratio": round(ratio[1], 3), "error": got["error"], "memory": memory}
    print(json.dumps(row | {"took": took, "estimate": estimate}))
