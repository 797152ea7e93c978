//! Files that are written and read again, and headers that lie.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use proptest::prelude::*;

use super::*;
use crate::sampling::noise::{Noise, Purpose};

fn noise(seed: u64, count: usize) -> Vec<f32> {
    Noise::new(seed).grid(Purpose::Pixels, [1, 1, count], 1).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// A safetensors file.
fn safetensors(path: &Path, metadata: &[(&str, &str)], tensors: &[(&str, &str, &[usize], Vec<u8>)]) {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    header.insert("__metadata__".into(), serde_json::to_value(metadata.iter().copied().collect::<BTreeMap<_, _>>()).unwrap());
    for (name, dtype, shape, bytes) in tensors {
        let start = data.len();
        data.extend(bytes);
        header.insert((*name).into(), serde_json::json!({"dtype": dtype, "shape": shape, "data_offsets": [start, data.len()]}));
    }
    let header = serde_json::to_vec(&header).unwrap();
    std::fs::write(path, [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat()).unwrap();
}

const Q: &str = "model.diffusion_model.transformer_blocks.0.attn1.to_q.weight";
const ODD: &str = "model.diffusion_model.transformer_blocks.0.attn1.to_k.weight";
const ODDER: &str = "model.diffusion_model.transformer_blocks.0.attn1.to_v.weight";
const FP8: &str = "model.diffusion_model.transformer_blocks.0.ff.net.2.weight";
const FP8_KEPT: &str = "model.diffusion_model.proj_out.weight";
const GATE: &str = "model.diffusion_model.transformer_blocks.0.attn1.to_gate_logits.weight";
const CONV: &str = "vae.decoder.conv_in.weight";

fn source(folder: &Path) -> PathBuf {
    let path = folder.join("source.safetensors");
    let wide = |v: Vec<f32>| v.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let brain = |v: Vec<f32>| v.iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes()).collect::<Vec<u8>>();
    let half = |v: Vec<f32>| v.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect::<Vec<u8>>();
    let eight = |count: usize| (0..count).map(|i| (i * 37 % 0x7f) as u8 | ((i % 2) as u8) << 7).collect::<Vec<u8>>();
    let scale = |name: &str, value: f32| (name.replace("weight", "weight_scale"), value.to_le_bytes().to_vec());
    let (first, second) = (scale(FP8, 0.25), scale(FP8_KEPT, 2.0));
    let input = FP8.replace("weight", "input_scale");
    safetensors(
        &path,
        &[("config", "{\"transformer\": {}}"), ("model_version", "2.3.0")],
        &[
            (Q, "BF16", &[300, 512], brain(noise(1, 300 * 512))),
            (ODD, "F32", &[5, 96], wide(noise(2, 5 * 96))),
            (ODDER, "F16", &[5, 40], half(noise(3, 200))),
            (FP8, "F8_E4M3", &[4, 256], eight(1024)),
            (&first.0, "F32", &[], first.1),
            (&input, "F32", &[1], 3f32.to_le_bytes().to_vec()),
            (FP8_KEPT, "F8_E4M3", &[4, 8], eight(32)),
            (&second.0, "F32", &[], second.1),
            (GATE, "BF16", &[2, 256], brain(noise(4, 512))),
            (CONV, "F32", &[2, 3, 2, 1, 2], wide(noise(5, 24))),
            ("tokenizer_json", "U8", &[5], b"{...}".to_vec()),
            ("steps", "I64", &[1], 7i64.to_le_bytes().to_vec()),
        ],
    );
    path
}

fn values(file: &Mapped, name: &str) -> Vec<f32> {
    let entry = &file.entries()[name];
    Matrix::new(name, file, entry, 1.0).unwrap().to_vec()
}

fn relative(got: &[f32], want: &[f32]) -> f64 {
    let square = |v: f32| f64::from(v) * f64::from(v);
    let error: f64 = got.iter().zip(want).map(|(a, b)| square(a - b)).sum();
    (error / want.iter().map(|v| square(*v)).sum::<f64>()).sqrt()
}

#[test]
fn layers_become_small_and_everything_else_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = source(folder.path());
    let before = Mapped::open(&path).unwrap();
    // What the formats allow for normally distributed weights, with a little room.
    for (kind, stored, bar) in [(Kind::Q8_0, Stored::Q8_0, 0.006), (Kind::Q6K, Stored::Q6K, 0.02), (Kind::Q4K, Stored::Q4K, 0.08)] {
        let output = folder.path().join("out.gguf");
        let mut told = Vec::new();
        let report = quantise(std::slice::from_ref(&path), &output, kind, &mut |done, total| {
            told.push((done, total));
            Ok(())
        });
        let report = report.unwrap();
        assert_eq!((report.tensors, report.quantised, report.shorter), (9, 3, usize::from(stored != Stored::Q8_0)));
        assert_eq!(report.after, std::fs::metadata(&output).unwrap().len());
        assert_eq!(*told.last().unwrap(), (report.after, report.after));
        assert!(told.windows(2).all(|w| w[0].0 <= w[1].0));
        let after = Mapped::open(&output).unwrap();
        assert_eq!(after.metadata()["config"], before.metadata()["config"]);
        assert_eq!(after.metadata()["model_version"], "2.3.0");
        let form = |name: &str| after.entries()[name].stored.clone().unwrap();
        // 96 columns are no block of 256; 40 none of 32.
        assert_eq!([form(Q), form(ODD), form(ODDER)], [stored, Stored::Q8_0, Stored::F16]);
        assert_eq!([form(FP8), form(FP8_KEPT), form(GATE)], [stored, Stored::Bf16, Stored::Bf16]);
        assert_eq!(after.entries()[CONV].shape, [2, 3, 2, 1, 2]);
        for name in [ODDER, GATE, CONV, "tokenizer_json", "steps"] {
            assert_eq!(after.bytes(&after.entries()[name]), before.bytes(&before.entries()[name]), "{name}");
        }
        let error = relative(&values(&after, Q), &values(&before, Q));
        assert!(error > 0.0 && error < bar, "{kind:?} {error}");
        // The 8-bit floats are spread over many powers of two, and large: they have the largest error and most of the sum.
        let (worst, error) = report.worst.unwrap();
        assert!(worst == FP8 && error < bar * 1.5 && report.error <= error, "{kind:?} {worst} {error}");
        // The factor is in the weights now.
        let kept: Vec<f32> = values(&before, FP8_KEPT).iter().map(|v| v * 2.0).collect();
        assert_eq!(values(&after, FP8_KEPT), kept);
        let scaled: Vec<f32> = values(&before, FP8).iter().map(|v| v * 0.25).collect();
        assert!(relative(&values(&after, FP8), &scaled) < bar * 1.5);
        assert!(!after.entries().contains_key(&FP8.replace("weight", "weight_scale")));
        assert!(matches!(
            quantise(std::slice::from_ref(&output), &path.with_extension("again"), kind, &mut |_, _| Ok(())),
            Err(Error::Unfit(_))
        ));
    }
}

#[test]
fn threads_change_no_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = source(folder.path());
    let made = |threads: usize| {
        let output = folder.path().join(format!("{threads}.gguf"));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| quantise(std::slice::from_ref(&path), &output, Kind::Q4K, &mut |_, _| Ok(()))).unwrap();
        std::fs::read(output).unwrap()
    };
    assert_eq!(made(1), made(3));
}

#[test]
fn work_that_ends_early_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = source(folder.path());
    let output = folder.path().join("out.gguf");
    let stopped = quantise(std::slice::from_ref(&path), &output, Kind::Q8_0, &mut |done, total| {
        if done * 2 > total { Err(Error::Cancelled) } else { Ok(()) }
    });
    assert!(matches!(stopped, Err(Error::Cancelled)));
    let nowhere = folder.path().join("no/such/folder/out.gguf");
    assert!(matches!(quantise(std::slice::from_ref(&path), &nowhere, Kind::Q8_0, &mut |_, _| Ok(())), Err(Error::Write { .. })));
    let twice = [path.clone(), path.clone()];
    assert!(matches!(quantise(&twice, &output, Kind::Q8_0, &mut |_, _| Ok(())), Err(Error::Damaged { .. })));
    let broken = folder.path().join("broken.safetensors");
    let nan = [f32::NAN; 32].iter().flat_map(|v| v.to_le_bytes()).collect();
    safetensors(&broken, &[], &[(Q, "F32", &[1, 32], nan)]);
    let error = quantise(std::slice::from_ref(&broken), &output, Kind::Q8_0, &mut |_, _| Ok(())).unwrap_err().to_string();
    assert!(error.contains(Q) && error.contains("broken.safetensors"), "{error}");
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().path()).filter(|p| *p != path && *p != broken).collect();
    assert!(left.is_empty(), "{left:?}");
}

fn sample() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.gguf");
    quantise(&[source(folder.path())], &output, Kind::Q8_0, &mut |_, _| Ok(())).unwrap();
    std::fs::read(output).unwrap()
}

#[test]
fn headers_that_lie_are_refused() {
    let good = sample();
    let (entries, _) = gguf::read(&good).unwrap();
    assert_eq!(entries.len(), 9);
    for cut in [3, 4, 8, 15, 23, 24, 40, 200, good.len() - 40] {
        assert!(gguf::read(&good[..cut]).is_err(), "cut at {cut}");
    }
    let with = |at: usize, bytes: &[u8]| {
        let mut file = good.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        gguf::read(&file)
    };
    assert!(with(4, &1u32.to_le_bytes()).unwrap_err().contains("version is 1"));
    // Counts and lengths beyond anything: read along, never allocated by.
    for at in [8, 16, 24] {
        assert!(with(at, &u64::MAX.to_le_bytes()).is_err());
        assert!(with(at, &(u64::MAX / 64).to_le_bytes()).is_err());
    }
    let header = |pairs: &[Vec<u8>], tensors: &[Vec<u8>]| {
        let counts = [tensors.len() as u64, pairs.len() as u64].map(u64::to_le_bytes).concat();
        gguf::read(&[b"GGUF".to_vec(), 3u32.to_le_bytes().to_vec(), counts, pairs.concat(), tensors.concat(), vec![0; 64]].concat())
    };
    let tensor = |name: &str, shape: &[u64], kind: u32, offset: u64| {
        let shape: Vec<u8> = shape.iter().flat_map(|n| n.to_le_bytes()).collect();
        let axes = (shape.len() as u32 / 8).to_le_bytes().to_vec();
        [text(name), axes, shape, kind.to_le_bytes().to_vec(), offset.to_le_bytes().to_vec()].concat()
    };
    assert!(header(&[], &[tensor("a", &[8], 0, 0)]).is_ok());
    // An unknown form is an error only for whom needs it.
    assert_eq!(header(&[], &[tensor("a", &[8], 99, 0)]).unwrap().0["a"].stored, Err("GGUF type 99".to_owned()));
    for (tensors, expected) in [
        (vec![tensor("a", &[8], 0, 64)], "beyond the file's end"),
        (vec![tensor("a", &[8], 0, u64::MAX)], "beyond the file's end"),
        (vec![tensor("a", &[u64::MAX, 2], 0, 0)], "no whole blocks"),
        (vec![tensor("a", &[96], 8, 0)], "beyond the file's end"),
        (vec![tensor("a", &[33], 8, 0)], "no whole blocks"),
        (vec![tensor("a", &[33, 2], 8, 0)], "no whole blocks of 32 values"),
        (vec![tensor(&"a".repeat(1001), &[1], 0, 0)], "a name of 1001 bytes"),
        (vec![tensor("a", &[1; 9], 0, 0)], "has 9 axes"),
        (vec![tensor("a", &[1], 0, 0), tensor("a", &[1], 0, 0)], "two tensors called a"),
    ] {
        let error = header(&[], &tensors).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    let list = |of: u32, length: u64, rest: &[u8]| {
        [key("k", gguf::LIST), of.to_le_bytes().to_vec(), length.to_le_bytes().to_vec(), rest.to_vec()].concat()
    };
    let number = |name: &str, value: u32| [key(name, gguf::U32), value.to_le_bytes().to_vec()].concat();
    assert!(header(&[list(6, 2, &[0; 8]), list(gguf::TEXT, 1, &text("x")), number("n", 7)], &[]).is_ok());
    let nested = (0..9).fold(vec![], |inner: Vec<u8>, _| [gguf::LIST.to_le_bytes().to_vec(), 1u64.to_le_bytes().to_vec(), inner].concat());
    for pair in [
        number("general.alignment", 0),
        number("general.alignment", 48),
        number("general.alignment", 1 << 30),
        list(6, u64::MAX, &[]),
        list(gguf::TEXT, u64::MAX, &[]),
        list(77, 1, &[0; 8]),
        [key("k", gguf::LIST), nested].concat(),
        key("k", 77),
        [key("k", gguf::TEXT), 2u64.to_le_bytes().to_vec(), vec![0xff, 0xfe]].concat(),
        [key(&format!("{}a", gguf::SHAPE), gguf::LIST), gguf::I32.to_le_bytes().to_vec(), 9u64.to_le_bytes().to_vec()].concat(),
    ] {
        assert!(header(std::slice::from_ref(&pair), &[]).is_err(), "{pair:?}");
    }
    let shape = |sides: [i32; 2]| {
        let sides: Vec<u8> = sides.iter().flat_map(|n| n.to_le_bytes()).collect();
        [key(&format!("{}a", gguf::SHAPE), gguf::LIST), gguf::I32.to_le_bytes().to_vec(), 2u64.to_le_bytes().to_vec(), sides].concat()
    };
    assert_eq!(header(&[shape([2, 4])], &[tensor("a", &[8], 0, 0)]).unwrap().0["a"].shape, [2, 4]);
    assert!(header(&[shape([2, 5])], &[tensor("a", &[8], 0, 0)]).is_err());
    assert!(header(&[shape([-2, -4])], &[tensor("a", &[8], 0, 0)]).is_err());
}

proptest! {
    #[test]
    fn damage_anywhere_is_no_panic(damage in proptest::collection::vec((0usize..2000, any::<u8>()), 1..8)) {
        static GOOD: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let mut file = GOOD.get_or_init(sample).clone();
        damage.iter().for_each(|(at, byte)| file[*at] = *byte);
        if let Ok((entries, _)) = gguf::read(&file) {
            // What is believed lies inside the file.
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("x.gguf");
            std::fs::write(&path, &file).unwrap();
            if let Ok(mapped) = Mapped::open(&path) {
                entries.values().for_each(|entry| drop(mapped.bytes(entry).to_vec()));
            }
        }
    }
}
