//! The joint transformer: whole passes of every recorded run, ropes, the first block, and what must hold without a reference.

use std::sync::Arc;

use candle_core::{D, Device, Tensor};
use ltx::checkpoint::Place;
use ltx::transformer::{Pass, Perturbation, Positions, Residence, Stream, TimestepRule, Timesteps, Transformer};

use crate::folder::{Dump, Folder, Rows};

const BAR: f64 = 2e-5;

/// Compares everything this folder has.
pub fn rows(folder: &Folder, rows: &mut Rows) {
    let rule = match folder.argument("av_rule").as_str() {
        None | Some("official") => TimestepRule::Official,
        Some("cross") => TimestepRule::Cross,
        Some("own") => TimestepRule::Own,
        Some(other) => panic!("a rule called {other}"),
    };
    let load = |residence| Transformer::load(&folder.checkpoint(), &Place::default(), residence).unwrap().with_rule(rule);
    let transformer = load(Residence::Mapped);
    let recorded = Recorded { folder, transformer: &transformer, streamed: &load(Residence::Budget(1)) };
    for name in ["t2v", "keyframes"] {
        if let Some(dump) = folder.dump(name) {
            recorded.run(rows, name, &dump, "transformer", &[Perturbation::default()]);
            recorded.first_block(rows, name, &dump);
        }
    }
    if let Some(dump) = folder.dump("t2v_guided") {
        // Each step: with and without the prompt in one batch, without self-attention in block 1 (not in 2.0), then apart.
        let perturbed = folder.argument("flavour") != "2.0";
        let kinds: Vec<_> = [Some(Perturbation::default()), perturbed.then(|| Perturbation::skip(&[1])), Some(Perturbation::isolate())]
            .into_iter()
            .flatten()
            .collect();
        recorded.run(rows, "t2v_guided", &dump, "transformer", &kinds);
    }
    if let Some(dump) = folder.dump("a2v_modules") {
        for name in ["tf_plain", "tf_frozen_audio", "tf_keyframes_mask"] {
            recorded.run(rows, name, &dump, name, &[Perturbation::default()]);
        }
        recorded.masked(rows, &dump);
    }
}

struct Recorded<'a> {
    folder: &'a Folder,
    transformer: &'a Transformer,
    /// The same with every block let go after use.
    streamed: &'a Transformer,
}

impl Recorded<'_> {
    /// Every recorded call; `kinds` are the perturbations that calls go through in turn.
    fn run(&self, rows: &mut Rows, stage: &str, dump: &Dump, module: &str, kinds: &[Perturbation]) {
        for call in 0.. {
            let at = |name: &str| format!("{module}#{call}.{name}");
            if !dump.has(&at("in.hidden_states")) {
                break;
            }
            let batch = dump.tensor(&at("in.hidden_states")).dim(0).unwrap();
            let kind = &kinds[call % kinds.len()];
            let passes: Vec<_> = (0..batch).map(|n| self.pass(dump, &at("in"), n, kind)).collect();
            let got = self.transformer.forward(&passes).unwrap();
            for (n, (velocity, streamed)) in got.iter().zip(self.streamed.forward(&passes).unwrap()).enumerate() {
                for (name, got, again, out) in
                    [("video", &velocity.video, &streamed.video, "out.0"), ("audio", &velocity.audio, &streamed.audio, "out.1")]
                {
                    let want = dump.tensor(&at(out)).get(n).unwrap();
                    rows.compare("transformer", &format!("{stage}: {module}#{call}[{n}] {name}"), got, &want, BAR);
                    assert_eq!(values(got), values(again), "weights that come and go change the result");
                }
            }
        }
    }

    /// A batch's entry as a pass.
    fn pass(&self, dump: &Dump, at: &str, n: usize, perturbation: &Perturbation) -> Pass {
        let of = |name: &str| dump.tensor(&format!("{at}.{name}")).get(n).unwrap();
        let has = |name: &str| dump.has(&format!("{at}.{name}"));
        let or = |name: &str, other: &str| if has(name) { of(name) } else { of(other) };
        let scalar = |t: Tensor| values(&t)[0] / 1000.0;
        let stream = |tokens: Tensor, levels: Tensor, sigma: f32, positions: Positions, context: Tensor| {
            let levels: Vec<_> = values(&levels).into_iter().map(|t| t / 1000.0).collect();
            let count = tokens.dim(0).unwrap();
            let timesteps = if levels.len() == 1 { Timesteps::uniform(levels[0], count) } else { Timesteps::each(&levels) };
            Stream { tokens, timesteps, sigma, positions: Arc::new(positions), context, keyframes: None, mask: None }
        };
        let video_positions = if has("video_coords") { positions(&of("video_coords")) } else { self.video_positions() };
        let audio_positions = if has("audio_coords") { positions(&of("audio_coords")) } else { self.audio_positions() };
        // 2.0 records no noise level beside the timestep: with one for all tokens it is that.
        let sigma = scalar(or("sigma", "timestep"));
        let audio_sigma = if has("audio_sigma") { scalar(of("audio_sigma")) } else { sigma };
        let mut video = stream(of("hidden_states"), of("timestep"), sigma, video_positions, of("encoder_hidden_states"));
        let context = of("audio_encoder_hidden_states");
        let audio = stream(of("audio_hidden_states"), or("audio_timestep", "timestep"), audio_sigma, audio_positions, context);
        if has("video_keyframes_mask") {
            video.keyframes = Some(values(&of("video_keyframes_mask")).into_iter().map(|v| v > 0.0).collect());
        }
        Pass { video, audio, perturbation: perturbation.clone() }
    }

    /// The grid of the folder's shot: latent frame k covers the pixels max(8k − 7, 0) to 8k + 1, a patch 32 × 32 of them.
    fn video_positions(&self) -> Positions {
        let size = |name: &str| self.folder.argument(name).as_u64().unwrap() as usize;
        let fps = self.folder.argument("fps").as_f64().unwrap() as f32;
        let (frames, height, width) = ((size("frames") - 1) / 8 + 1, size("height") / 32, size("width") / 32);
        let mut axes = vec![Vec::new(), Vec::new(), Vec::new()];
        for (f, y, x) in (0..frames).flat_map(|f| (0..height).flat_map(move |y| (0..width).map(move |x| (f, y, x)))) {
            axes[0].push(((8 * f).saturating_sub(7) as f32 / fps, (8 * f + 1) as f32 / fps));
            axes[1].push((32.0 * y as f32, 32.0 * (y + 1) as f32));
            axes[2].push((32.0 * x as f32, 32.0 * (x + 1) as f32));
        }
        Positions(axes)
    }

    /// A latent covers the mel frames max(4i − 3, 0) to 4i + 1, a hundred of which are a second.
    fn audio_positions(&self) -> Positions {
        let frames = self.folder.argument("frames").as_f64().unwrap();
        let count = (frames / self.folder.argument("fps").as_f64().unwrap() * 25.0).round() as usize;
        let time = |mel: usize| mel as f32 * 160.0 / 16_000.0;
        Positions(vec![(0..count).map(|i| (time((4 * i).saturating_sub(3)), time(4 * i + 1))).collect()])
    }

    fn first_block(&self, rows: &mut Rows, case: &str, dump: &Dump) {
        let at = |name: &str| format!("transformer.blocks.0#0.{name}");
        if !dump.has(&at("out.0")) {
            return;
        }
        let pass = self.pass(dump, "transformer#0.in", 0, &Perturbation::default());
        let watch = &mut |after: ltx::transformer::After<'_>| {
            if after.block == 0 {
                rows.compare("transformer", &format!("{case}: block 0 video"), &after.video.x, &dump.tensor(&at("out.0")).get(0)?, BAR);
                rows.compare("transformer", &format!("{case}: block 0 audio"), &after.audio.x, &dump.tensor(&at("out.1")).get(0)?, BAR);
                for (name, rope) in [
                    ("video_rotary_emb", &after.video.rope),
                    ("audio_rotary_emb", &after.audio.rope),
                    ("ca_video_rotary_emb", &after.video.cross_rope),
                    ("ca_audio_rotary_emb", &after.audio.cross_rope),
                ] {
                    for (i, table) in [rope.tables().0, rope.tables().1].into_iter().enumerate() {
                        let name = format!("in.{name}.{i}");
                        if dump.has(&at(&name)) {
                            rows.compare("transformer", &format!("{case}: {name}"), table, &angles(&dump.tensor(&at(&name)).get(0)?)?, BAR);
                        }
                    }
                }
            }
            Ok(())
        };
        self.transformer.forward_watched(&[pass], watch).unwrap();
    }

    /// Two groups of tokens that may not see each other are two passes. (The recorded masked pass follows another rule than the
    /// authors': see the parity program's README.)
    fn masked(&self, rows: &mut Rows, dump: &Dump) {
        let whole = self.pass(dump, "tf_plain#0.in", 0, &Perturbation::isolate());
        let tokens = whole.video.tokens.dim(0).unwrap();
        let first = tokens / 3;
        let part = |from: usize, to: usize| {
            let mut pass = whole.clone();
            let video = &mut pass.video;
            video.tokens = video.tokens.narrow(0, from, to - from).unwrap();
            video.timesteps.index = video.timesteps.index[from..to].to_vec();
            video.positions = Arc::new(Positions(video.positions.0.iter().map(|axis| axis[from..to].to_vec()).collect()));
            pass
        };
        let mut masked = whole.clone();
        let seen = |i: usize| f32::from(u8::from((i / tokens < first) == (i % tokens < first)));
        masked.video.mask = Some(Tensor::from_vec((0..tokens * tokens).map(seen).collect(), (tokens, tokens), &Device::Cpu).unwrap());
        let got = self.transformer.forward(&[masked.clone(), part(0, first), part(first, tokens)]).unwrap();
        let want = Tensor::cat(&[&got[1].video, &got[2].video], 0).unwrap();
        rows.compare("transformer", "mask: two groups apart", &got[0].video, &want, BAR);
        // Attention of full strength is attention without a mask.
        masked.video.mask = Some(Tensor::ones((tokens, tokens), candle_core::DType::F32, &Device::Cpu).unwrap());
        let got = self.transformer.forward(&[masked, whole]).unwrap();
        rows.compare("transformer", "mask: full strength", &got[0].video, &got[1].video, 1e-6);
    }
}

/// A table as ours are, `[tokens, pairs of all heads]`. The reference has `[heads, tokens, pairs]` where the halves of a head turn
/// together, and `[tokens, channels]`, every value twice, where neighbours do.
fn angles(table: &Tensor) -> candle_core::Result<Tensor> {
    match table.rank() {
        3 => table.transpose(0, 1)?.contiguous()?.flatten_from(1),
        _ => table.reshape((table.dim(0)?, table.dim(1)? / 2, 2))?.narrow(2, 0, 1)?.contiguous()?.flatten_from(1),
    }
}

fn values(t: &Tensor) -> Vec<f32> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}

/// `[axes, tokens, 2]`.
fn positions(t: &Tensor) -> Positions {
    assert_eq!(t.dim(D::Minus1).unwrap(), 2);
    let axes: Vec<Vec<Vec<f32>>> = t.to_vec3().unwrap();
    Positions(axes.into_iter().map(|axis| axis.into_iter().map(|span| (span[0], span[1])).collect()).collect())
}
