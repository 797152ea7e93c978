#!/usr/bin/env python3
"""Build a tiny random LTX-2.x (2.0 / 2.3 / 2.5 topology) out of diffusers classes, save it, run it on CPU and dump
every intermediate tensor so another implementation can be compared stage by stage.  No downloads.

  python make_tiny_ltx2.py --out DIR --flavour 2.3 --seed 0 [--steps 2 --height 64 --width 96 --frames 17 ...]

Writes
  DIR/diffusers/{transformer,connectors,vae,audio_vae,vocoder,text_encoder,tokenizer,scheduler}/   diffusers layout
  DIR/{latent,temporal}_upsampler/ upsamplers in space and time, diffusers layout
  DIR/diffusion_decoder/           2.5 only (LTX2VideoDiffusionDecoderModel)
  DIR/original/ltx-tiny-<flavour>.safetensors     Lightricks single-file layout (+ "config" metadata)
  DIR/original/ltx-tiny{,-temporal}-upscaler.safetensors      spatial and temporal latent upsamplers
  DIR/dump_<case>.safetensors      case in t2v, t2v_guided, keyframes, a2v_modules
  DIR/manifest.json                shapes, timings, file sizes, list of tensors that were constant at init
"""
import argparse, inspect, json, math, os, re, time
from pathlib import Path
import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from diffusers import (AutoencoderKLLTX2Audio, AutoencoderKLLTX2Video, FlowMatchEulerDiscreteScheduler,
                       LTX2ConditionPipeline, LTX2Pipeline, LTX2VideoTransformer3DModel)
from diffusers.pipelines.ltx2 import (LTX2LatentUpsamplerModel, LTX2TextConnectors, LTX2Vocoder, LTX2VocoderWithBWE)
from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition
from diffusers.pipelines.ltx2.utils import DISTILLED_SIGMA_VALUES

ap = argparse.ArgumentParser()
ap.add_argument("--out", default="tiny"); ap.add_argument("--flavour", default="2.3", choices=["2.0", "2.3", "2.5"])
ap.add_argument("--seed", type=int, default=0)
ap.add_argument("--av-rule", default="official", choices=["official", "cross", "own"],
                help="timestep of the audio<->video cross-attention scale/shift: official = own per-token timestep with the gate on the "
                     "other modality's sigma; cross / own = what diffusers computes with use_cross_timestep True / False")
ap.add_argument("--heads", type=int, default=4); ap.add_argument("--head-dim", type=int, default=16)
ap.add_argument("--audio-head-dim", type=int, default=8); ap.add_argument("--layers", type=int, default=3)
ap.add_argument("--latent-ch", type=int, default=8); ap.add_argument("--mel-bins", type=int, default=64)
ap.add_argument("--audio-latent-ch", type=int, default=2)
ap.add_argument("--text-hidden", type=int, default=32); ap.add_argument("--text-layers", type=int, default=7)
ap.add_argument("--text-len", type=int, default=32); ap.add_argument("--registers", type=int, default=16)
ap.add_argument("--height", type=int, default=64); ap.add_argument("--width", type=int, default=128)
ap.add_argument("--frames", type=int, default=17); ap.add_argument("--fps", type=float, default=24.0)
ap.add_argument("--steps", type=int, default=2)
ap.add_argument("--decoder-width", type=int, default=16, help="channels of the video decoder at full size; deeper stages have 2 and 4 times as many")
ap.add_argument("--vocoder-width", type=int, default=0, help="first width of the vocoder (0: 128, 64 for 2.0)")
ap.add_argument("--bwe-width", type=int, default=64); ap.add_argument("--audio-mult", type=int, nargs=3, default=[1, 2, 4])
ap.add_argument("--audio-res-blocks", type=int, default=2); ap.add_argument("--upsampler-width", type=int, default=32)
ap.add_argument("--diffusion-columns", type=int, default=4, help="latent columns that the diffusion decoder is tried on")
ap.add_argument("--rope", default="split", choices=["split", "interleaved"], help="which channels turn together")
ap.add_argument("--shared-kv", type=int, default=0, help="last layers of Gemma 4 that reuse keys and values, twice as wide between")
ap.add_argument("--strided-encoder", action="store_true", help="an encoder whose convolutions step: compress_space, _time, _all_x_y, _all")
ap.add_argument("--timestep-decoder", action="store_true", help="a video decoder that wants noise and is told how much")
ap.add_argument("--spatial-scale", type=float, default=2.0, choices=[0.75, 1.5, 2.0, 4.0], help="of the latent upsampler (2.0's kind)")
ap.add_argument("--bf16-weights", action="store_true", help="round every weight to bf16 before anything runs, so that a bf16 file is exact")
ap.add_argument("--prompt", default="a wide establishing shot of a harbour at dawn, gulls and water")
ap.add_argument("--negative", default="blurry, muffled audio")
A = ap.parse_args()
OUT = Path(A.out); (OUT / "original").mkdir(parents=True, exist_ok=True)
V23 = A.flavour != "2.0"; V25 = A.flavour == "2.5"
VOC = A.vocoder_width or (128 if V23 else 64); W0 = A.decoder_width
D, AD = A.heads * A.head_dim, A.heads * A.audio_head_dim          # video / audio inner dims
torch.manual_seed(A.seed); torch.use_deterministic_algorithms(True, warn_only=True)
man = {"args": vars(A), "torch": torch.__version__, "time_s": {}, "constant_at_init": {}, "ctor": {}}
t_last = time.time()
def lap(name):
    global t_last
    man["time_s"][name] = round(time.time() - t_last, 3); t_last = time.time()

# ------------------------------------------------------------------------------------------------ components
def build(cls, **kw):
    torch.manual_seed(A.seed)
    man["ctor"][cls.__name__] = {k: (list(v) if isinstance(v, tuple) else v) for k, v in kw.items()}
    m = cls(**kw); return deconstant(m, cls.__name__)

def deconstant(m, name, gain=1.0):
    """Replace every tensor (parameter or persistent buffer) that is CONSTANT after construction: zeros/ones
    initialised layers make parity pass trivially. Kaiser filters, positional ids etc. are not constant and are kept."""
    g = torch.Generator().manual_seed(A.seed + 1); const = []
    with torch.no_grad():
        for k, p in list(m.named_parameters()) + [(k, b) for k, b in m.named_buffers() if k in m.state_dict()]:
            if not p.is_floating_point() or p.numel() < 2 and not k.endswith("layer_scalar"): continue
            if p.numel() >= 2 and (p - p.flatten()[0]).abs().max() > 0: continue
            c0 = float(p.flatten()[0]); const.append((k, c0, list(p.shape)))
            r = torch.randn(p.shape, generator=g)
            if k.endswith("latents_std"): v = 0.75 + 0.5 * torch.rand(p.shape, generator=g)      # must stay > 0
            elif k.endswith("mel_basis"): v = torch.rand(p.shape, generator=g) * 0.05             # non-negative
            elif k.endswith(("forward_basis", "inverse_basis")): v = None                         # filled below
            else: v = c0 + 0.1 * r
            if v is not None: p.copy_(v)
        # torch's default conv/linear init has var gain 1/3 per layer: deep nets then output almost only their biases and
        # a stage comparison stops testing anything. Restore unit gain and shrink biases.
        for k, p in m.named_parameters():
            if "scale_shift_table" in k or "embed" in k and "proj" not in k or name.startswith("Gemma"): continue
            if p.ndim >= 2 and k.endswith("weight"): p.mul_(3 ** 0.5)
            elif k.endswith("bias"): p.mul_(0.3)
    if hasattr(m, "mel_stft"): fill_stft(m.mel_stft)
    if name.startswith("LTX2Vocoder"):   # keep both stages inside (-1,1): a clamped waveform hides every upstream error
        with torch.no_grad():
            for k, p in m.named_parameters():
                if "conv_out" in k: p.mul_(0.02 if V23 else 0.3)
    if A.bf16_weights: round_bf16(m)
    man["constant_at_init"][name] = const
    return m.eval().requires_grad_(False)

def round_bf16(m):
    """Rounds what a checkpoint stores. A tensor that rounding makes constant would prove nothing any more: refuse it."""
    with torch.no_grad():
        for k, p in m.state_dict(keep_vars=True).items():
            if not p.is_floating_point(): continue
            varied = p.numel() > 1 and (p - p.flatten()[0]).abs().max() > 0
            p.copy_(p.to(torch.bfloat16).float())
            if varied and not (p - p.flatten()[0]).abs().max() > 0: raise SystemExit(f"{k} is constant in bf16")

def given(x):
    """An input of a module alone: rounded like the weights, so that it can be stored in half the size."""
    return x.to(torch.bfloat16).float() if A.bf16_weights else x

def fill_stft(ms):
    """A real windowed DFT basis: the published file stores it; random noise would make log-mel meaningless."""
    n = ms.stft_fn.forward_basis.shape[-1]; k = torch.arange(n // 2 + 1, dtype=torch.float64)[:, None]
    t = torch.arange(n, dtype=torch.float64)[None]; w = torch.hann_window(n, periodic=True, dtype=torch.float64)
    b = torch.cat([torch.cos(2 * math.pi * k * t / n), -torch.sin(2 * math.pi * k * t / n)]) * w
    with torch.no_grad():
        ms.stft_fn.forward_basis.copy_(b[:, None].float()); ms.stft_fn.inverse_basis.copy_((b / n)[:, None].float())

def byte_tokenizer():
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, decoders
    from transformers import PreTrainedTokenizerFast
    alpha = sorted(pre_tokenizers.ByteLevel.alphabet()); vocab = {"<pad>": 0, "<eos>": 1, "<bos>": 2, "<unk>": 3}
    for c in alpha: vocab[c] = len(vocab)
    t = Tokenizer(models.BPE(vocab=vocab, merges=[], unk_token="<unk>"))
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False); t.decoder = decoders.ByteLevel()
    t.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 2)])
    return PreTrainedTokenizerFast(tokenizer_object=t, pad_token="<pad>", eos_token="<eos>", bos_token="<bos>",
                                   unk_token="<unk>", padding_side="left"), len(vocab)

tokenizer, vocab = byte_tokenizer()
tc = dict(vocab_size=vocab, hidden_size=A.text_hidden, intermediate_size=2 * A.text_hidden,
          num_hidden_layers=A.text_layers, num_attention_heads=4, num_key_value_heads=2, head_dim=8,
          max_position_embeddings=4096, sliding_window=8, pad_token_id=0, eos_token_id=1, bos_token_id=2)
torch.manual_seed(A.seed)
if V25:
    from transformers import Gemma4UnifiedConfig, Gemma4UnifiedForConditionalGeneration as TE
    if A.shared_kv:      # both kinds of layer before the first that reuses, both after
        kinds = ["sliding_attention", "full_attention"]
        tc.update(num_kv_shared_layers=A.shared_kv, use_double_wide_mlp=True,
                  layer_types=[kinds[i % 2] for i in range(A.text_layers - 1)] + kinds[1:])
    cfg = Gemma4UnifiedConfig(text_config=dict(tc, global_head_dim=16, num_global_key_value_heads=1, attention_k_eq_v=True),
                              vision_config=dict(mm_embed_dim=A.text_hidden) if False else None, audio_config=None)
else:
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration as TE
    cfg = Gemma3Config(text_config=dict(tc, query_pre_attn_scalar=8, rope_theta=1e6, rope_local_base_freq=1e4,
                                        rope_scaling={"factor": 8.0, "rope_type": "linear"}),
                       vision_config=dict(hidden_size=16, intermediate_size=32, num_hidden_layers=1,
                                          num_attention_heads=2, image_size=28, patch_size=14), mm_tokens_per_image=4)
text_encoder = TE(cfg)
with torch.no_grad():                       # default init std 0.02 gives near-zero activations; widen the linears
    for k, p in text_encoder.named_parameters():
        if p.ndim == 2: p.mul_(5.0)
text_encoder = deconstant(text_encoder, TE.__name__)
lap("text_encoder")

split = dict(rope_theta=10000.0, rope_double_precision=True, rope_type=A.rope)
tkw = dict(in_channels=A.latent_ch, out_channels=A.latent_ch, num_attention_heads=A.heads, attention_head_dim=A.head_dim,
           cross_attention_dim=D, audio_in_channels=A.audio_latent_ch * A.mel_bins // 4,
           audio_out_channels=A.audio_latent_ch * A.mel_bins // 4, audio_num_attention_heads=A.heads,
           audio_attention_head_dim=A.audio_head_dim, audio_cross_attention_dim=AD, num_layers=A.layers,
           caption_channels=A.text_hidden, cross_attn_timestep_scale_multiplier=1000, **split)
if V23: tkw.update(gated_attn=True, cross_attn_mod=True, audio_gated_attn=True, audio_cross_attn_mod=True,
                   use_prompt_embeddings=False, perturbed_attn=True)
if V25: tkw.update(ff_bias=False, use_keyframes_abs_pos_embedding=True)
transformer = build(LTX2VideoTransformer3DModel, **tkw)
ckw = dict(caption_channels=A.text_hidden, text_proj_in_factor=A.text_layers + 1, connector_rope_base_seq_len=4096,
           causal_temporal_positioning=False, **split)
if V23:
    ckw.update(video_connector_num_attention_heads=A.heads, video_connector_attention_head_dim=A.head_dim,
               audio_connector_num_attention_heads=A.heads, audio_connector_attention_head_dim=A.audio_head_dim,
               video_connector_num_layers=2, audio_connector_num_layers=2, video_gated_attn=True, audio_gated_attn=True,
               per_modality_projections=True, video_hidden_dim=D, audio_hidden_dim=AD, proj_bias=True)
else:   # 2.0: connectors run at caption width (30 heads x 128 = 3840 in the real model)
    ckw.update(video_connector_num_attention_heads=4, video_connector_attention_head_dim=A.text_hidden // 4,
               audio_connector_num_attention_heads=4, audio_connector_attention_head_dim=A.text_hidden // 4,
               video_connector_num_layers=2, audio_connector_num_layers=2)
connectors = build(LTX2TextConnectors, video_connector_num_learnable_registers=A.registers,
                   audio_connector_num_learnable_registers=A.registers, **ckw)
vkw = dict(in_channels=3, out_channels=3, latent_channels=A.latent_ch, patch_size=4, patch_size_t=1,
           encoder_causal=True, decoder_causal=False, encoder_spatial_padding_mode="zeros",
           downsample_type=("spatial", "temporal", "spatiotemporal", "spatiotemporal"), timestep_conditioning=A.timestep_decoder,
           spatial_compression_ratio=32, temporal_compression_ratio=8, spatio_temporal_scaling=(True,) * 4)
if V23: vkw.update(block_out_channels=tuple(A.latent_ch * m for m in (2, 4, 8, 8)), layers_per_block=(1, 1, 1, 1, 1),
                   decoder_block_out_channels=(W0, 2 * W0, 2 * W0, 4 * W0), decoder_layers_per_block=(1, 1, 1, 1, 1),
                   decoder_spatio_temporal_scaling=(True,) * 4, decoder_inject_noise=(False,) * 5,
                   upsample_type=("spatiotemporal", "spatiotemporal", "temporal", "spatial"),
                   upsample_residual=(False,) * 4, upsample_factor=(2, 2, 1, 2), decoder_spatial_padding_mode="zeros")
else:   vkw.update(block_out_channels=tuple(A.latent_ch * m for m in (2, 4, 8, 16)), layers_per_block=(1, 1, 1, 1, 1),
                   decoder_block_out_channels=(W0, 2 * W0, 4 * W0), decoder_layers_per_block=(1, 1, 1, 1),
                   decoder_spatio_temporal_scaling=(True,) * 3, decoder_inject_noise=(False,) * 4,
                   upsample_type=("spatiotemporal",) * 3, upsample_residual=(True,) * 3, upsample_factor=(2, 2, 2),
                   decoder_spatial_padding_mode="reflect")
if A.strided_encoder: vkw.update(block_out_channels=tuple(A.latent_ch * m for m in (1, 1, 2, 2)))
vae = AutoencoderKLLTX2Video(**vkw) if A.strided_encoder else build(AutoencoderKLLTX2Video, **vkw)
if A.strided_encoder:
    # The authors' encoder has convolutions that step in one way only, which diffusers' has not; the convolution is the same class.
    from diffusers.models.autoencoders.autoencoder_kl_ltx2 import LTX2VideoCausalConv3d
    for block, stride, widths in zip(vae.encoder.down_blocks, ((1, 2, 2), (2, 1, 1), (2, 2, 2), (2, 2, 2)), ((1, 1), (1, 1), (1, 2), (2, 2))):
        block.downsamplers[0] = LTX2VideoCausalConv3d(*(A.latent_ch * m for m in widths), 3, stride=stride, spatial_padding_mode="zeros")
    vae = deconstant(vae, "AutoencoderKLLTX2Video")
audio_vae = build(AutoencoderKLLTX2Audio, base_channels=A.audio_latent_ch * A.mel_bins // 4, output_channels=2,
                  ch_mult=tuple(A.audio_mult), num_res_blocks=A.audio_res_blocks, in_channels=2, resolution=256, latent_channels=A.audio_latent_ch,
                  norm_type="pixel", causality_axis="height", sample_rate=16000, mel_hop_length=160, is_causal=True,
                  mel_bins=A.mel_bins, mid_block_add_attention=False, double_z=True)
rk = dict(resnet_kernel_sizes=[3, 7, 11], resnet_dilations=[[1, 3, 5]] * 3)
if V23:
    vocoder = build(LTX2VocoderWithBWE, in_channels=2 * A.mel_bins, hidden_channels=VOC, bwe_in_channels=2 * A.mel_bins,
                    bwe_hidden_channels=A.bwe_width, num_mel_channels=A.mel_bins, **rk)
else:
    vocoder = build(LTX2Vocoder, in_channels=2 * A.mel_bins, hidden_channels=VOC, **rk)
upsampler = build(LTX2LatentUpsamplerModel, in_channels=A.latent_ch, mid_channels=A.upsampler_width, num_blocks_per_stage=1, dims=3,
                  spatial_upsample=True, temporal_upsample=False, rational_spatial_scale=A.spatial_scale, use_rational_resampler=not V23)
temporal = build(LTX2LatentUpsamplerModel, in_channels=A.latent_ch, mid_channels=A.upsampler_width, num_blocks_per_stage=1, dims=3,
                 spatial_upsample=False, temporal_upsample=True)
scheduler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, base_shift=0.95, max_shift=2.05,
                                            base_image_seq_len=1024, max_image_seq_len=4096, shift_terminal=0.1)
scheduler_distilled = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=False, shift_terminal=None)
comps = dict(scheduler=scheduler, vae=vae, audio_vae=audio_vae, text_encoder=text_encoder, tokenizer=tokenizer,
             connectors=connectors, transformer=transformer, vocoder=vocoder)
lap("build")

# ------------------------------------------------------------------------------------------------ save
pipe = LTX2Pipeline(**comps); pipe.save_pretrained(OUT / "diffusers"); upsampler.save_pretrained(OUT / "latent_upsampler")
temporal.save_pretrained(OUT / "temporal_upsampler")
if V25:
    from diffusers import LTX2VideoDiffusionDecoderModel
    ddec = build(LTX2VideoDiffusionDecoderModel, latent_channels=A.latent_ch, decoder_head_dim=16,
                 decoder_stage_channels=(64, 32, 16, 16, 16), decoder_stage_depths=(1, 1, 1, 1, 2),
                 decoder_stage_kernels=((3, 3, 3),) * 4, decoder_stage5_kernel=(3, 3, 3), decoder_t_emb_dim=32,
                 decoder_upsample_channel_reductions=(2, 2, 1, 1))
    ddec.save_pretrained(OUT / "diffusion_decoder")

def to_original(sub, sd):
    """diffusers keys -> Lightricks single-file keys (inverse of diffusers scripts/convert_ltx2_to_diffusers.py)."""
    o = {}
    for k, v in sd.items():
        if sub == "transformer":
            k = re.sub(r"^proj_in\.", "patchify_proj.", k); k = re.sub(r"^audio_proj_in\.", "audio_patchify_proj.", k)
            for a, b in [("av_cross_attn_video_scale_shift.", "av_ca_video_scale_shift_adaln_single."),
                         ("av_cross_attn_video_a2v_gate.", "av_ca_a2v_gate_adaln_single."),
                         ("av_cross_attn_audio_scale_shift.", "av_ca_audio_scale_shift_adaln_single."),
                         ("av_cross_attn_audio_v2a_gate.", "av_ca_v2a_gate_adaln_single."),
                         ("audio_time_embed.", "audio_adaln_single."), ("audio_prompt_adaln.", "audio_prompt_adaln_single."),
                         ("time_embed.", "adaln_single."), ("prompt_adaln.", "prompt_adaln_single.")]:
                if k.startswith(a): k = b + k[len(a):]; break
            k = k.replace("video_a2v_cross_attn_scale_shift_table", "scale_shift_table_a2v_ca_video")
            k = k.replace("audio_a2v_cross_attn_scale_shift_table", "scale_shift_table_a2v_ca_audio")
            k = "model.diffusion_model." + k.replace("norm_q", "q_norm").replace("norm_k", "k_norm")
        elif sub == "connectors":
            k = k.replace("norm_q", "q_norm").replace("norm_k", "k_norm").replace("transformer_blocks", "transformer_1d_blocks")
            if k.startswith("text_proj_in."): k = "text_embedding_projection.aggregate_embed." + k[13:]
            elif k.startswith("video_text_proj_in."): k = "text_embedding_projection.video_aggregate_embed." + k[19:]
            elif k.startswith("audio_text_proj_in."): k = "text_embedding_projection.audio_aggregate_embed." + k[19:]
            else: k = "model.diffusion_model." + k.replace("video_connector.", "video_embeddings_connector.").replace("audio_connector.", "audio_embeddings_connector.")
        elif sub == "vae":
            if k in ("latents_mean", "latents_std"):
                k = "per_channel_statistics." + {"latents_mean": "mean-of-means", "latents_std": "std-of-means"}[k]
            else:
                m = re.match(r"(encoder|decoder)\.(down_blocks|up_blocks|mid_block)\.?(\d*)\.?(.*)", k)
                if m:
                    side, kind, i, rest = m.groups()
                    if kind == "mid_block": rest = k.split("mid_block.")[1]; n = 8 if side == "encoder" else 0
                    else:
                        i = int(i); samp = rest.startswith(("downsamplers.0.", "upsamplers.0."))
                        n = 2 * i + samp if side == "encoder" else 2 * i + (1 if samp else 2)
                        rest = re.sub(r"^(down|up)samplers\.0\.", "", rest)
                    k = f"{side}.{'down' if side == 'encoder' else 'up'}_blocks.{n}." + rest.replace("resnets.", "res_blocks.")
                k = k.replace("decoder.time_embedder", "decoder.last_time_embedder")
                k = re.sub(r"^decoder\.scale_shift_table$", "decoder.last_scale_shift_table", k)
            k = "vae." + k
        elif sub == "audio_vae":
            k = {"latents_mean": "per_channel_statistics.mean-of-means", "latents_std": "per_channel_statistics.std-of-means"}.get(k, k)
            k = "audio_vae." + k
        elif sub == "vocoder":
            k = k.replace("upsamplers", "ups").replace("resnets", "resblocks").replace("conv_in", "conv_pre").replace("conv_out", "conv_post")
            if V23: k = k.replace("act_out", "act_post").replace("downsample.", "downsample.lowpass.")
            k = "vocoder." + k
        o[k] = v.contiguous()
    return o
orig = {}
for sub in ("transformer", "connectors", "vae", "audio_vae", "vocoder"): orig.update(to_original(sub, comps[sub].state_dict()))
tcfg = dict(num_attention_heads=A.heads, attention_head_dim=A.head_dim, in_channels=A.latent_ch, out_channels=A.latent_ch,
            num_layers=A.layers, cross_attention_dim=D, caption_channels=A.text_hidden, norm_eps=1e-6,
            positional_embedding_theta=10000.0, positional_embedding_max_pos=[20, 2048, 2048], timestep_scale_multiplier=1000,
            use_middle_indices_grid=True, audio_num_attention_heads=A.heads, audio_attention_head_dim=A.audio_head_dim,
            audio_in_channels=tkw["audio_in_channels"], audio_out_channels=tkw["audio_in_channels"], audio_cross_attention_dim=AD,
            audio_positional_embedding_max_pos=[20], av_ca_timestep_scale_multiplier=1000, rope_type=A.rope,
            frequencies_precision="float64", connector_positional_embedding_max_pos=[4096],
            connector_num_attention_heads=ckw["video_connector_num_attention_heads"],
            connector_attention_head_dim=ckw["video_connector_attention_head_dim"], connector_num_layers=2,
            connector_num_learnable_registers=A.registers,
            audio_connector_num_attention_heads=ckw["audio_connector_num_attention_heads"],
            audio_connector_attention_head_dim=ckw["audio_connector_attention_head_dim"], audio_connector_num_layers=2)
if V23: tcfg.update(apply_gated_attention=True, cross_attention_adaln=True, connector_apply_gated_attention=True,
                    caption_proj_before_connector=True, caption_projection_first_linear=False,
                    caption_proj_input_norm=False, caption_projection_second_linear=False)
if V25: tcfg.update(ff_bias=False, use_keyframes_abs_pos_embedding=True)
# constants the Lightricks loader asserts on (check_config_value, ltx_core model_configurator.py:30-50)
tcfg.update(dropout=0.0, attention_bias=True, num_vector_embeds=None, activation_fn="gelu-approximate", num_embeds_ada_norm=1000,
            use_linear_projection=False, only_cross_attention=False, cross_attention_norm=True, double_self_attention=False,
            upcast_attention=False, standardization_norm="rms_norm", norm_elementwise_affine=False, qk_norm="rms_norm",
            positional_embedding_type="rope", use_audio_video_cross_attention=True, share_ff=False, av_cross_ada_norm=True)
def res(): return ["res_x", {"num_layers": 1}]
enc = [res(), ["compress_space", {}], res(), ["compress_time", {}], res(), ["compress_all_x_y", {"multiplier": 2}], res(),
       ["compress_all", {}], res()] if A.strided_encoder else [
       res(), ["compress_space_res", {"multiplier": 2}], res(), ["compress_time_res", {"multiplier": 2}], res(),
       ["compress_all_res", {"multiplier": 2}], res(), ["compress_all_res", {"multiplier": 2 if not V23 else 1}], res()]
# decoder_blocks are stored output->input: the loader walks them reversed
if V23: dec = [res(), ["compress_space", {"multiplier": 2}], res(), ["compress_time", {"multiplier": 2}], res(),
               ["compress_all", {"multiplier": 1}], res(), ["compress_all", {"multiplier": 2}], res()]
else:   dec = [res()] + [x for _ in range(3) for x in (["compress_all", {"residual": True, "multiplier": 2}], res())]
vcfg = dict(_class_name="CausalVideoAutoencoder", dims=3, in_channels=3, out_channels=3, latent_channels=A.latent_ch, encoder_blocks=enc,
            decoder_blocks=dec, patch_size=4, norm_layer="pixel_norm", latent_log_var="uniform", causal_decoder=False,
            timestep_conditioning=A.timestep_decoder, encoder_spatial_padding_mode="zeros",
            # one key drives encoder AND decoder in ltx_core; absent -> encoder zeros, decoder reflect (the 2.0 behaviour)
            **({"spatial_padding_mode": "zeros"} if V23 else {}),
            decoder_base_channels=vkw["decoder_block_out_channels"][0] // 2, encoder_base_channels=vkw["block_out_channels"][0])
rb = dict(stereo=True, resblock_kernel_sizes=[3, 7, 11], resblock_dilation_sizes=[[1, 3, 5]] * 3)
if V23:
    amp = dict(rb, resblock="AMP1", activation="snakebeta", use_bias_at_final=False, use_tanh_at_final=False)
    wcfg = dict(vocoder=dict(amp, upsample_initial_channel=VOC, upsample_rates=[5, 2, 2, 2, 2, 2], upsample_kernel_sizes=[11, 4, 4, 4, 4, 4]),
                bwe=dict(amp, upsample_initial_channel=A.bwe_width, upsample_rates=[6, 5, 2, 2, 2], upsample_kernel_sizes=[12, 11, 4, 4, 4],
                         input_sampling_rate=16000, output_sampling_rate=48000, n_fft=512, hop_length=80, num_mels=A.mel_bins))
else: wcfg = dict(rb, resblock="1", upsample_initial_channel=VOC, upsample_rates=[6, 5, 2, 2, 2], upsample_kernel_sizes=[16, 15, 8, 4, 4])
acfg = {"model": {"params": {"sampling_rate": 16000, "ddconfig": dict(ch=A.audio_latent_ch * A.mel_bins // 4, out_ch=2, ch_mult=A.audio_mult,
        num_res_blocks=A.audio_res_blocks, attn_resolutions=[], resolution=256, z_channels=A.audio_latent_ch, norm_type="pixel", causality_axis="height",
        mid_block_add_attention=False, mel_bins=A.mel_bins, in_channels=2, double_z=True)}},
        "preprocessing": {"stft": {"filter_length": 1024, "hop_length": 160, "causal": True}, "mel": {"n_mel_channels": A.mel_bins}}}
full_cfg = {"transformer": tcfg, "vae": vcfg, "audio_vae": acfg, "vocoder": wcfg}
save_file(orig, OUT / "original" / f"ltx-tiny-{A.flavour}.safetensors",
          metadata={"model_version": A.flavour + ".0", "config": json.dumps(full_cfg)})
save_file({k: v.contiguous() for k, v in upsampler.state_dict().items()}, OUT / "original" / "ltx-tiny-upscaler.safetensors",
          metadata={"config": json.dumps(dict(upsampler.config), default=str)})
save_file({k: v.contiguous() for k, v in temporal.state_dict().items()}, OUT / "original" / "ltx-tiny-temporal-upscaler.safetensors",
          metadata={"config": json.dumps(dict(temporal.config), default=str)})
lap("save")

# ------------------------------------------------------------------------------------------------ run + record
if A.av_rule == "official":
    # diffusers has no switch for this rule: hand the two scale/shift embedders the modality's own timesteps
    own_t = {}
    def _keep(m, a, kw):
        own_t["video"] = kw["timestep"]; at = kw.get("audio_timestep"); own_t["audio"] = kw["timestep"] if at is None else at
    transformer.register_forward_pre_hook(_keep, with_kwargs=True)
    for mod in ("video", "audio"):
        getattr(transformer, f"av_cross_attn_{mod}_scale_shift").register_forward_pre_hook(
            lambda m, a, kw, mod=mod: ((own_t[mod].flatten(),) + a[1:], kw), with_kwargs=True)

class Rec:
    """Records inputs/outputs of chosen modules, call by call: '<name>#<call>.in.<arg>' / '.out.<i>'."""
    def __init__(s): s.t, s.n, s.h = {}, {}, []
    def put(s, k, v):
        if torch.is_tensor(v): s.t[k] = v.detach().clone().contiguous()
        elif isinstance(v, (tuple, list)) and v and torch.is_tensor(v[0]):
            for i, x in enumerate(v): s.put(f"{k}.{i}", x)
        elif hasattr(v, "sample") and torch.is_tensor(getattr(v, "sample")): s.put(k, v.sample)
        elif hasattr(v, "hidden_states") and v.hidden_states is not None: s.put(k + ".hidden_states", tuple(v.hidden_states))
    def hook(s, name, mod):
        sig = inspect.signature(mod.forward)
        def f(m, a, kw, out):
            n = s.n[name] = s.n.get(name, -1) + 1
            for k, v in sig.bind(*a, **kw).arguments.items(): s.put(f"{name}#{n}.in.{k}", v)
            s.put(f"{name}#{n}.out", out)
        s.h.append(mod.register_forward_hook(f, with_kwargs=True))
    def done(s, path):
        for h in s.h: h.remove()
        seen = {}
        for k in list(s.t):                                  # safetensors refuses shared storage
            s.t[k] = s.t[k].clone()
        save_file(s.t, path); return {k: list(v.shape) for k, v in s.t.items()}

def run(case, p, rec_blocks=True, **kw):
    r = Rec(); r.hook("text_encoder", text_encoder); r.hook("connectors", connectors); r.hook("transformer", transformer)
    r.hook("vae.encoder", vae.encoder); r.hook("vae.decoder", vae.decoder); r.hook("audio_vae.decoder", audio_vae.decoder)
    r.hook("vocoder", vocoder)
    if rec_blocks:
        r.hook("transformer.blocks.0", transformer.transformer_blocks[0])
        r.hook("connectors.video.blocks.0", connectors.video_connector.transformer_blocks[0])
    def cb(pp, i, t, k):
        r.put(f"step{i}.t", t.reshape(1)); r.put(f"step{i}.latents", k["latents"]); r.put(f"step{i}.audio_latents", k["audio_latents"])
        return {}
    if "audio_latents" not in p._callback_tensor_inputs:        # the loop keeps it as a local; only the check forbids it
        p._callback_tensor_inputs = list(p._callback_tensor_inputs) + ["audio_latents"]
    t0 = time.time()
    with torch.no_grad():
        o = p(prompt=A.prompt, height=A.height, width=A.width, num_frames=A.frames, frame_rate=A.fps,
              max_sequence_length=A.text_len, generator=torch.Generator().manual_seed(A.seed), output_type="pt",
              return_dict=False, callback_on_step_end=cb, callback_on_step_end_tensor_inputs=["latents", "audio_latents"], **kw)
    man["time_s"]["run_" + case] = round(time.time() - t0, 3)
    r.put("final.video_0_1", o[0]); r.put("final.audio", o[1]); r.put("scheduler.sigmas", p.scheduler.sigmas)
    man.setdefault("shapes", {})[case] = r.done(OUT / f"dump_{case}.safetensors")
    v, a = o; man.setdefault("stats", {})[case] = dict(
        video=[round(float(x), 5) for x in (v.mean(), v.std(), v.min(), v.max())], video_shape=list(v.shape),
        audio=[round(float(x), 6) for x in (a.float().mean(), a.float().std(), a.min(), a.max())], audio_shape=list(a.shape))
    return o

off = dict(guidance_scale=1.0, stg_scale=0.0, modality_scale=1.0, guidance_rescale=0.0, audio_guidance_scale=1.0,
           audio_stg_scale=0.0, audio_modality_scale=1.0, audio_guidance_rescale=0.0)
# What the authors' decoder does when it wants noise (decode_timestep, decode_noise_scale).
noisy = dict(decode_timestep=0.05, decode_noise_scale=0.025) if A.timestep_decoder else {}
moment = torch.tensor([0.05]) if A.timestep_decoder else None
off.update(noisy)
on = dict(noisy, guidance_scale=3.0, audio_guidance_scale=7.0, modality_scale=3.0, audio_modality_scale=3.0, guidance_rescale=0.7,
          audio_guidance_rescale=0.7, stg_scale=1.0 if V23 else 0.0, audio_stg_scale=1.0 if V23 else 0.0,
          spatio_temporal_guidance_blocks=[1] if V23 else None, negative_prompt=A.negative)
pipe.set_progress_bar_config(disable=True)
base = {k: v for k, v in pipe.components.items()}
pd = LTX2Pipeline(**{**base, "scheduler": scheduler_distilled}); pd.set_progress_bar_config(disable=True)
run("t2v", pd, sigmas=DISTILLED_SIGMA_VALUES[-A.steps:] if A.steps < 8 else DISTILLED_SIGMA_VALUES,
    num_inference_steps=A.steps, use_cross_timestep=A.av_rule != "own", **off)
run("t2v_guided", pipe, num_inference_steps=A.steps, use_cross_timestep=A.av_rule != "own", **on)
rng = np.random.default_rng(A.seed)
def img():
    low = rng.integers(0, 255, (4, 6, 3), dtype=np.uint8)
    return Image.fromarray(low).resize((A.width, A.height), Image.BICUBIC)
cp = LTX2ConditionPipeline(**{**base, "scheduler": FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=False, shift_terminal=None)})
cp.set_progress_bar_config(disable=True)
conds = [LTX2VideoCondition(frames=img(), index=0, strength=1.0, crf=0), LTX2VideoCondition(frames=img(), index=-1, strength=1.0, crf=0)]
run("keyframes", cp, conditions=conds, num_inference_steps=A.steps, use_cross_timestep=A.av_rule != "own",
    sigmas=DISTILLED_SIGMA_VALUES[-A.steps:] if A.steps < 8 else DISTILLED_SIGMA_VALUES, **off)

# stand-alone modules the pipelines above do not touch
with torch.no_grad():
    g = torch.Generator().manual_seed(A.seed + 7); r = Rec()
    mel = given(torch.randn(1, 2, 4 * 17 + 1, A.mel_bins, generator=g)); r.put("audio_vae.encode.in", mel)
    r.put("audio_vae.encode.mean", audio_vae.encode(mel).latent_dist.mode())
    clip = given(torch.rand(1, 3, A.frames, A.height, A.width, generator=g) * 2 - 1); r.put("vae.encode.in", clip)
    z = vae.encode(clip).latent_dist.mode(); r.put("vae.encode.mean", z); r.put("upsampler.in", z); r.put("upsampler.out", upsampler(z))
    r.put("temporal_upsampler.in", z); r.put("temporal_upsampler.out", temporal(z))
    vae.enable_tiling(tile_sample_min_height=64, tile_sample_min_width=96, tile_sample_stride_height=64, tile_sample_stride_width=64)
    r.put("vae.tiled_decode.out", vae.decode(z, moment, return_dict=False)[0]); vae.use_tiling = False
    r.put("vae.decode.out", vae.decode(z, moment, return_dict=False)[0])
    # transformer alone: per-token video timesteps, FROZEN (given) audio = timestep 0 / sigma 0, soft self-attention mask
    F, H, W, L = (A.frames - 1) // 8 + 1, A.height // 32, A.width // 32, round(A.frames / A.fps * 25)
    n = F * H * W; ts = torch.full((1, n), 0.725 * 1000); ts[:, :H * W] = 0.0; ts[:, -H * W:] = 0.1 * 0.725 * 1000
    kw = dict(hidden_states=torch.randn(1, n, A.latent_ch, generator=g), audio_hidden_states=torch.randn(1, L, tkw["audio_in_channels"], generator=g),
              encoder_hidden_states=torch.randn(1, A.text_len, D if V23 else A.text_hidden, generator=g),
              audio_encoder_hidden_states=torch.randn(1, A.text_len, AD if V23 else A.text_hidden, generator=g), timestep=ts,
              audio_timestep=torch.zeros(1), sigma=torch.tensor([725.0]), audio_sigma=torch.zeros(1), num_frames=F, height=H, width=W,
              fps=A.fps, audio_num_frames=L, use_cross_timestep=A.av_rule != "own", return_dict=False)
    plain = dict(kw, timestep=torch.full((1, n), 725.0), audio_timestep=torch.full((1,), 725.0), audio_sigma=torch.full((1,), 725.0))
    r.hook("tf_plain", transformer); transformer(**plain); r.h.pop().remove()
    r.hook("tf_frozen_audio", transformer); transformer(**kw); r.h.pop().remove()
    r.hook("tf_masked", transformer); transformer(**kw, video_self_attention_mask=torch.rand(1, n, n, generator=g)); r.h.pop().remove()
    if V25: r.hook("tf_keyframes_mask", transformer); transformer(**kw, video_keyframes_mask=(ts[..., None] == 0).float()); r.h.pop().remove()
    if V23:
        w = given(torch.randn(2, 3200, generator=g) * 0.1); lm, mag, _, _ = vocoder.mel_stft(w)
        r.put("mel_stft.in", w); r.put("mel_stft.log_mel", lm); r.put("mel_stft.magnitude", mag)
    if V25:
        zd = torch.randn(1, A.latent_ch, 2, 3, A.diffusion_columns, generator=g)      # every axis must be >= the kernel (3,3,3)
        xt = given(torch.randn(1, 3, 9, 96, 32 * A.diffusion_columns, generator=g)); r.put("diffusion_decoder.in", zd); r.put("diffusion_decoder.noise", xt)
        t0 = time.time(); dd = ddec.decoder                          # flex attention, eager on CPU
        try:
            c3 = dd.forward_stages_1_to_3(zd); r.put("diffusion_decoder.stage3", c3); ctx = dd.forward_stage_4(c3)
            r.put("diffusion_decoder.context", ctx); r.put("diffusion_decoder.out", dd.denoise(ctx, xt, 1))
        except Exception as e: man["diffusion_decoder_error"] = repr(e)[:400]
        man["time_s"]["diffusion_decode"] = round(time.time() - t0, 3)
    man["shapes"]["a2v_modules"] = r.done(OUT / "dump_a2v_modules.safetensors")
lap("standalone")
man["files"] = {str(p.relative_to(OUT)): p.stat().st_size for p in sorted(OUT.rglob("*")) if p.is_file()}
man["param_count"] = {k: sum(p.numel() for p in c.parameters()) for k, c in comps.items() if hasattr(c, "parameters")}
# sensitivity: how much the final outputs differ between two cases, relative to their own std (must not be tiny)
from safetensors import safe_open
def get(c, k):
    with safe_open(OUT / f"dump_{c}.safetensors", "pt") as f: return f.get_tensor(k)
man["sensitivity"] = {m: round(float((get("t2v", k) - get("keyframes", k)).std() / get("t2v", k).std()), 4)
                      for m, k in (("video", "final.video_0_1"), ("audio", "final.audio"), ("video_raw", "vae.decoder#0.out"))}
man["nonfinite"] = [c for c, s in man["stats"].items() if not all(map(math.isfinite, s["video"] + s["audio"]))]
(OUT / "manifest.json").write_text(json.dumps(man, indent=1, default=str))
print(json.dumps({k: man[k] for k in ("time_s", "stats", "param_count", "sensitivity", "nonfinite")}, indent=1))
print({k: len(v) for k, v in man["constant_at_init"].items()}); print("orig keys", len(orig))
