#!/usr/bin/env python3
"""Times one step of the transformer beside the reference implementation, on the same weights and inputs, in turn.

  ltx_step.py --step PROGRAM [--folder FOLDER] [--steps 3] [--threads 2] [--frames 8 --height 10 --width 25 --sounds 126]

PROGRAM is the example `step` of crate ltx (cargo build --release -p ltx --example step). Needs torch, diffusers and safetensors.
The model has 222 million random parameters (generation 2.3, 8 blocks, 16 heads), the step 2,000 video and 126 audio tokens, all
in f32. Prints JSON: the median wall and CPU seconds of both, their ratios (ours by theirs), and how far the results differ."""
import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--step", required=True, type=lambda path: Path(path).resolve())
    parser.add_argument("--folder", type=Path, help="keep model and inputs here; those found are used again")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    for name, value in dict(frames=8, height=10, width=25, sounds=126, layers=8, heads=16).items():
        parser.add_argument(f"--{name}", type=int, default=value)
    return parser.parse_args()


def reference(a):
    """The model and what it is asked, as the reference takes it."""
    import torch
    from diffusers import LTX2VideoTransformer3DModel

    torch.manual_seed(0)
    torch.set_num_threads(a.threads)
    video, audio = a.heads * 64, a.heads * 32
    gates = dict(gated_attn=True, cross_attn_mod=True, audio_gated_attn=True, audio_cross_attn_mod=True)
    sound = dict(audio_in_channels=128, audio_out_channels=128, audio_num_attention_heads=a.heads, audio_attention_head_dim=32)
    model = LTX2VideoTransformer3DModel(
        in_channels=128, out_channels=128, num_attention_heads=a.heads, attention_head_dim=64, cross_attention_dim=video,
        audio_cross_attention_dim=audio, num_layers=a.layers, caption_channels=video, use_prompt_embeddings=False,
        rope_type="split", rope_double_precision=True, **gates, **sound).eval()
    grid = a.frames * a.height * a.width
    inputs = dict(
        video=torch.randn(grid, 128), audio=torch.randn(a.sounds, 128),
        video_context=torch.randn(1024, video), audio_context=torch.randn(1024, audio))
    level = torch.tensor([725.0])
    shape = dict(num_frames=a.frames, height=a.height, width=a.width, fps=24.0, audio_num_frames=a.sounds)

    def step():
        with torch.no_grad():
            batch = {name: tensor[None] for name, tensor in inputs.items()}
            out = model(
                hidden_states=batch["video"], audio_hidden_states=batch["audio"], encoder_hidden_states=batch["video_context"],
                audio_encoder_hidden_states=batch["audio_context"], timestep=level.expand(1, grid), audio_timestep=level,
                sigma=level, audio_sigma=level, use_cross_timestep=False, return_dict=False, **shape)
            return {"video_out": out[0][0].contiguous(), "audio_out": out[1][0].contiguous()}

    return model, inputs, step


def main():
    a = arguments()
    from safetensors.torch import save_file

    with tempfile.TemporaryDirectory() as scratch:
        folder = a.folder or Path(scratch)
        model, inputs, step = reference(a)
        model.save_pretrained(folder / "transformer")
        save_file(inputs | step(), folder / "inputs.safetensors")
        command = [a.step, folder, folder / "inputs.safetensors", "--grid", f"{a.frames}x{a.height}x{a.width}"]
        environment = dict(os.environ, RAYON_NUM_THREADS=str(a.threads))
        ours = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

        def take():
            ours.stdin.write("\n")
            ours.stdin.flush()
            return json.loads(ours.stdout.readline())

        take()
        rows = []
        for _ in range(a.steps):
            wall, cpu = time.perf_counter(), time.process_time()
            step()
            row = dict(their_wall=time.perf_counter() - wall, their_cpu=time.process_time() - cpu)
            got = take()
            rows.append(row | dict(our_wall=got["wall"], our_cpu=got["cpu"]))
        ours.stdin.close()
        ours.wait()
    result = {name: round(statistics.median(row[name] for row in rows), 3) for name in rows[0]}
    for kind in ("wall", "cpu"):
        result[f"{kind}_ratio"] = round(statistics.median(row[f"our_{kind}"] / row[f"their_{kind}"] for row in rows), 3)
    result |= {name: got[name] for name in ("video_error", "audio_error", "highest_memory", "stages")}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
