#!/usr/bin/env python3
"""How much memory a step takes under a budget, and how long the first one takes, with a checkpoint far larger than the budget.

  ltx_memory.py --step PROGRAM --folder FOLDER [--gib 8] [--budget 2147483648] [--grid 5x10x16]

PROGRAM is the example `step` of crate ltx. The grid is latent frames, rows and columns; the default is 33 frames of 512 × 320.
Makes FOLDER/transformer, a diffusers folder of random bf16 weights (generation 2.3, 2,048 and 1,024 channels, as many blocks as
the size asks for), forgets it from the page cache, times a first step of few tokens, forgets it again and times reading the file;
then takes a step of the whole grid. Needs torch, diffusers and numpy. Prints JSON; FOLDER is left for the caller to remove."""
import argparse
import json
import os
import struct
import subprocess
import time
from pathlib import Path


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--step", required=True, type=lambda path: Path(path).resolve())
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--gib", type=float, default=8)
    parser.add_argument("--budget", type=int, default=2 << 30)
    parser.add_argument("--grid", default="5x10x16")
    return parser.parse_args()


def shapes(layers):
    """Configuration and tensors of a model, without its memory."""
    import torch
    from diffusers import LTX2VideoTransformer3DModel

    with torch.device("meta"):
        model = LTX2VideoTransformer3DModel(
            num_attention_heads=32, attention_head_dim=64, cross_attention_dim=2048, audio_num_attention_heads=32,
            audio_attention_head_dim=32, audio_cross_attention_dim=1024, num_layers=layers, caption_channels=2048, gated_attn=True,
            cross_attn_mod=True, audio_gated_attn=True, audio_cross_attn_mod=True, use_prompt_embeddings=False, rope_type="split")
    return model, {name: list(tensor.shape) for name, tensor in model.state_dict().items()}


def make(folder, gib):
    """Writes the folder; random values repeat every 64 MiB, no block of the file is empty."""
    import numpy

    size = lambda shapes: sum(2 * int(numpy.prod(shape)) for shape in shapes.values())
    one, two = size(shapes(1)[1]), size(shapes(2)[1])
    model, tensors = shapes(round((gib * 2**30 - (2 * one - two)) / (two - one)))
    (folder / "transformer").mkdir(parents=True)
    model.save_config(folder / "transformer")
    header, at = {}, 0
    for name, shape in tensors.items():
        end = at + 2 * int(numpy.prod(shape))
        header[name] = dict(dtype="BF16", shape=shape, data_offsets=[at, end])
        at = end
    header = json.dumps(header).encode()
    values = numpy.random.default_rng(0).standard_normal(1 << 25, dtype=numpy.float32) * 0.02
    block = (values.view(numpy.uint32) >> 16).astype(numpy.uint16).tobytes()
    path = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        for start in range(0, at, len(block)):
            file.write(block[: min(len(block), at - start)])
        os.fsync(file.fileno())
    return path


def forget(path):
    """Drops the file's pages from the system's cache."""
    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def main():
    a = arguments()
    path = a.folder / "transformer" / "diffusion_pytorch_model.safetensors"
    if not path.exists():
        make(a.folder, a.gib)
    # With few tokens a step takes as long as its weights do; with many it shows what is held beside them.
    few, first = step(a, path, "1x8x8")
    forget(path)
    began = time.perf_counter()
    with open(path, "rb", buffering=0) as file:
        buffer = bytearray(1 << 23)
        while file.readinto(buffer):
            pass
    read = time.perf_counter() - began
    many, _ = step(a, path, a.grid)
    row = dict(file=path.stat().st_size, grid=a.grid, budget=a.budget, highest_memory=many["highest_memory"], cpu_of_many=many["cpu"])
    print(json.dumps(row | dict(first_step=round(first, 2), cpu=few["cpu"], reading=round(read, 2), ratio=round(first / read, 3))))


def step(a, path, grid):
    """Takes a step from a file that is not in memory: what the program says of it, and seconds in all."""
    import torch
    from safetensors.torch import save_file

    frames, rows, columns = map(int, grid.split("x"))
    sounds, words = round((frames * 8 - 7) / 24 * 25), 64 if frames == 1 else 1024
    channels = dict(video=(frames * rows * columns, 128), audio=(sounds, 128), video_context=(words, 2048), audio_context=(words, 1024))
    save_file({name: torch.randn(shape) for name, shape in channels.items()}, a.folder / "inputs.safetensors")
    command = [a.step, a.folder, a.folder / "inputs.safetensors", "--grid", grid, "--memory", a.budget]
    forget(path)
    began = time.perf_counter()
    out = subprocess.run([str(c) for c in command], input="\n", capture_output=True, text=True, check=True).stdout
    return json.loads(out), time.perf_counter() - began


if __name__ == "__main__":
    main()
