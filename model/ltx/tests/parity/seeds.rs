//! Checkpoints with other seeds and dimensions than the fixtures', made when PyTorch is there: the code must be right for any of the
//! family.

use std::path::Path;
use std::process::Command;

use crate::folder::Folder;

/// The Python that has torch, diffusers and transformers.
const PYTHON: &str = "PICKUP_TORCH_PYTHON";

/// Generations, heads, layers, channels, sizes, rates and steps that no fixture has; as many odd ones as the reference can take.
const ARGUMENTS: [&str; 5] = [
    // 2.0: projections in the transformer, residual upsampling, mirrored edges, an upsampler of 3 to 2.
    "--flavour 2.0 --seed 5 --latent-ch 6 --heads 3 --layers 3 --text-len 24 --registers 8 --height 64 --width 96 --frames 17 --fps 30 \
     --audio-latent-ch 2 --prompt dusk --spatial-scale 1.5",
    // Gemma 4 with layers that reuse keys and are wider between.
    "--flavour 2.5 --seed 6 --latent-ch 8 --heads 4 --layers 4 --text-len 32 --registers 16 --height 64 --width 128 --frames 25 --fps 25 \
     --steps 3 --text-layers 5 --text-hidden 48 --negative noise --shared-kv 2",
    // Rows of 256 values, which blocks of 4 and 6 bits need.
    "--flavour 2.3 --seed 7 --latent-ch 4 --heads 4 --head-dim 64 --audio-head-dim 64 --layers 2 --text-len 16 --registers 8 --height 64 \
     --width 64 --frames 9 --audio-latent-ch 1 --text-hidden 64",
    // Odd channels and heads, neighbours that turn together, an encoder that steps, a decoder that wants noise.
    "--flavour 2.3 --seed 8 --latent-ch 5 --heads 5 --head-dim 14 --audio-head-dim 6 --layers 3 --rope interleaved --strided-encoder \
     --timestep-decoder --text-len 16 --registers 4 --height 96 --width 160 --frames 33 --fps 23.976 --steps 4 --audio-latent-ch 2",
    // One row of latents, many heads of few channels, many layers.
    "--flavour 2.5 --seed 9 --latent-ch 10 --heads 6 --head-dim 20 --audio-head-dim 10 --layers 5 --text-len 48 \
     --registers 16 --height 32 --width 192 --frames 41 --text-hidden 40 --diffusion-columns 3",
];

#[test]
fn checkpoints_of_other_seeds_and_dimensions_agree() {
    let Some(python) = std::env::var_os(PYTHON) else {
        println!("not run: {PYTHON} names no Python that has torch and diffusers");
        return;
    };
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/make_tiny_ltx2.py");
    for (index, arguments) in ARGUMENTS.iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join(format!("seed-{index}"));
        let made = Command::new(&python).arg(&program).arg("--out").arg(&root).args(arguments.split_whitespace()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Folder::at(&root).iter().for_each(crate::compare);
    }
}
