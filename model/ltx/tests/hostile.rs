//! Files from strangers: whatever is in them, the answer is an error that names file and tensor; never a panic, never memory that
//! the file does not account for.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use ltx::checkpoint::quantise::{Kind, quantise};
use ltx::checkpoint::{Checkpoint, Place};
use ltx::error::{Error, Result};
use ltx::text::TextEncoder;
use ltx::transformer::config::Width;
use ltx::transformer::{Pass, Perturbation, Positions, Residence, Stream, Timesteps, Transformer};
use proptest::prelude::*;
use serde_json::json;
use support::{File, Stuff, fixture, sections, single};

/// Set in the process that a test runs in alone.
const ALONE: &str = "PICKUP_HOSTILE_ALONE";

/// No file here has more than a few megabytes, and tests hold a handful: more in one place was asked for by a header.
const MOST: u64 = 80 << 20;

/// Runs a test's body in a process of its own with one thread and one heap, where the most memory that it ever asked for is a
/// number that the system tells, used or not (VmPeak), and may not grow beyond [`MOST`].
fn alone(test: &str, body: impl FnOnce()) {
    if std::env::var_os(ALONE).is_none() {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", test, "--nocapture", "--test-threads=1"]);
        let done = child.env(ALONE, "1").env("MALLOC_ARENA_MAX", "1").env("RAYON_NUM_THREADS", "1").output().unwrap();
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(done.status.success(), "{test} alone: {}\n{}\n{}", done.status, said(&done.stdout), said(&done.stderr));
        assert!(said(&done.stdout).contains("1 passed"), "{test} is the name of no test");
        return;
    }
    let before = peak();
    body();
    let grown = peak() - before;
    assert!(grown < MOST, "{grown} bytes were asked for");
}

/// The largest address space that this process had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() * 1024
}

#[test]
fn memory_that_is_asked_for_and_not_used_is_seen() {
    alone("memory_that_is_asked_for_and_not_used_is_seen", || {
        let before = peak();
        drop(std::hint::black_box(Vec::<u8>::with_capacity(64 << 20)));
        assert!(peak() - before >= 64 << 20);
    });
}

/// A file small enough to be tried a thousand times, with everything that a header may have.
fn small() -> File {
    let tensors = [
        ("model.diffusion_model.patchify_proj.weight", Stuff::floats(&[4, 6], (0..).map(|i| i as f32))),
        ("model.diffusion_model.patchify_proj.bias", Stuff::floats(&[4], (0..).map(|i| i as f32))),
        ("vae.encoder.conv_in.conv.weight", Stuff::floats(&[2, 3, 1, 1, 1], (0..).map(|i| i as f32))),
        ("vae.per_channel_statistics.mean-of-means", Stuff::floats(&[2], (0..).map(|i| i as f32))),
        ("tokenizer_json", Stuff::bytes(b"{}")),
    ];
    let config = json!({"transformer": {"num_layers": 1}, "vae": {"latent_channels": 2}});
    let tensors = tensors.into_iter().map(|(name, stuff)| (name.to_owned(), stuff)).collect();
    File { tensors, ..File::default() }.with("model_version", "2.3.0").with("config", config)
}

/// Opens a file and reads every tensor of every part.
fn read_all(path: &Path) -> Result<usize> {
    let checkpoint = Checkpoint::open(&[path.to_owned()])?;
    let mut values = 0;
    for part in checkpoint.parts().collect::<Vec<_>>() {
        let (weights, section) = checkpoint.part(part, &Place::default())?;
        let _ = (section.size("num_layers"), section.size("latent_channels"));
        for (name, _, entry) in checkpoint.tensors(part) {
            values += weights.values(name, &entry.shape).map_or(0, |values| values.len());
        }
    }
    Ok(values)
}

/// What is said of these bytes.
fn said(bytes: &[u8]) -> std::result::Result<usize, String> {
    said_of(bytes, "hostile.safetensors")
}

fn said_of(bytes: &[u8], name: &str) -> std::result::Result<usize, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    read_all(&path).map_err(|error| checked(&error, name))
}

/// An error's words, if they are ours and name the file.
fn checked(error: &Error, name: &str) -> String {
    assert!(!matches!(error, Error::Tensor { .. }), "{error}");
    let message = error.to_string();
    assert!(message.contains(name), "{message}");
    assert!(message.len() < 4000, "a message of {} bytes", message.len());
    message
}

fn with_header(header: &[u8], data: usize) -> Vec<u8> {
    [(header.len() as u64).to_le_bytes().to_vec(), header.to_vec(), vec![0; data]].concat()
}

#[test]
fn lying_headers_are_refused_by_name() {
    alone("lying_headers_are_refused_by_name", lying_headers);
}

fn lying_headers() {
    let entry = |dtype: &str, shape: serde_json::Value, offsets: serde_json::Value| {
        let name = "model.diffusion_model.w";
        let mut header = serde_json::Map::new();
        header.insert("__metadata__".into(), json!({"model_version": "2.3.0"}));
        header.insert(name.into(), json!({"dtype": dtype, "shape": shape, "data_offsets": offsets}));
        with_header(&serde_json::to_vec(&header).unwrap(), 16)
    };
    let most = u64::MAX;
    for (bytes, part) in [
        (Vec::new(), "no header"),
        (vec![1, 2, 3], "no header"),
        (most.to_le_bytes().to_vec(), "claims 18446744073709551615"),
        ((most - 7).to_le_bytes().to_vec(), "claims"),
        (99_999_999u64.to_le_bytes().to_vec(), "claims 99999999"),
        (with_header(b"", 0), "header"),
        (with_header(b"[]", 0), "tensors by name"),
        (with_header(b"\xff\xfe{}", 0), "header"),
        (with_header(b"{\"a\xff\": 1}", 0), "header"),
        (with_header(&[b'['; 100_000], 0), "header"),
        (with_header("{\"a\":".repeat(50_000).as_bytes(), 0), "the tensor a"),
        (with_header(br#"{"__metadata__": {"a": 1}}"#, 0), "metadata"),
        (with_header(br#"{"a": {"dtype": "F32", "shape": [1]}}"#, 4), "the tensor a"),
        (with_header(br#"{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}"#, 4), "the tensor a"),
        (with_header(br#"{"a": {"dtype": "F32", "shape": [1.5], "data_offsets": [0, 4]}}"#, 4), "the tensor a"),
        (with_header(br#"{"a": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}, "a": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}}"#, 0), "twice"),
        (
            with_header(
                br#"{"one": {"dtype": "U8", "shape": [3], "data_offsets": [0, 3]}, "two": {"dtype": "U8", "shape": [3], "data_offsets": [2, 5]}}"#,
                8,
            ),
            "the tensors one and two lie over each other",
        ),
        (entry("F32", json!([4]), json!([-4, 12])), "the tensor model.diffusion_model.w"),
        (entry("F32", json!([4]), json!([0, 12])), "claims 12 bytes"),
        (entry("F32", json!([4]), json!([8, 24])), "cut off"),
        (entry("F32", json!([4]), json!([16, 0])), "cut off"),
        (entry("F32", json!([4]), json!([most, most])), "cut off"),
        (entry("F32", json!([4]), json!([most - 8, 8])), "cut off"),
        (entry("F32", json!([most, most]), json!([0, 16])), "impossible sizes"),
        (entry("F32", json!([0, most, most]), json!([0, 0])), "impossible sizes"),
        (entry("F32", json!([1u64 << 62, 4]), json!([0, 0])), "impossible sizes"),
        (entry("F32", json!(vec![1; 1000]), json!([0, 4])), "1000 axes"),
        (entry("F32", json!([most / 4]), json!([0, 16])), "claims 16 bytes"),
    ] {
        let message = said(&bytes).unwrap_err();
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
    // A form that nobody knows is refused when the tensor is read, not before: the model may not need it.
    assert_eq!(said(&entry("F4_E9", json!([4]), json!([0, 16]))).unwrap(), 0);
    assert!(said(&small().to_bytes()).unwrap() > 30);
}

#[test]
fn a_file_cut_off_anywhere_is_refused() {
    alone("a_file_cut_off_anywhere_is_refused", || {
        let bytes = small().to_bytes();
        for length in 0..bytes.len() {
            let message = said(&bytes[..length]).unwrap_err();
            assert!(message.contains("not a whole checkpoint"), "{length}: {message}");
        }
        // Its data are aligned: the last few bytes may be nobody's.
        let bytes = small_gguf();
        for length in 4..bytes.len() - 32 {
            let message = said_of(&bytes[..length], "hostile.gguf").unwrap_err();
            assert!(message.contains("not a whole checkpoint"), "{length}: {message}");
        }
    });
}

/// The same weights as a GGUF file.
fn small_gguf() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let source = small().write(&folder.path().join("source.safetensors"));
    let output = folder.path().join("made.gguf");
    quantise(&[source], &output, Kind::Q8_0, &mut |_, _| Ok(())).unwrap();
    std::fs::read(output).unwrap()
}

/// Bytes of a file and what becomes of some of them.
fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)
}

fn changed(bytes: &[u8], reach: usize, changes: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    changes.iter().for_each(|(at, value)| bytes[at.index(reach)] = *value);
    bytes
}

#[test]
fn bytes_changed_anywhere_never_panic() {
    alone("bytes_changed_anywhere_never_panic", || {
        let (whole, gguf) = (small().to_bytes(), small_gguf());
        let length = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
        proptest!(ProptestConfig::with_cases(500), |(changes in changes(), header in any::<bool>())| {
            let _ = said(&changed(&whole, if header { 8 + length } else { whole.len() }, &changes));
            let _ = said_of(&changed(&gguf, gguf.len(), &changes), "hostile.gguf");
        });
    });
}

#[test]
fn numbers_of_any_size_never_panic() {
    alone("numbers_of_any_size_never_panic", || {
        let side = prop_oneof![0u64..6, Just(u64::MAX), any::<u64>()];
        let place = || prop_oneof![0u64..40, any::<u64>()];
        let dtypes = vec!["F64", "F32", "F16", "BF16", "F8_E4M3", "U8", "I8", "I64", "BOOL", "C64", ""];
        let one = (prop::collection::vec(side, 0..10), place(), place(), prop::sample::select(dtypes));
        proptest!(ProptestConfig::with_cases(500), |(tensors in prop::collection::vec(one, 1..4), data in 0usize..64)| {
            let mut header = serde_json::Map::new();
            header.insert("__metadata__".into(), json!({"model_version": "2.5"}));
            for (n, (shape, start, end, dtype)) in tensors.iter().enumerate() {
                let name = format!("model.diffusion_model.{n}.weight");
                header.insert(name, json!({"dtype": dtype, "shape": shape, "data_offsets": [start, end]}));
            }
            let _ = said(&with_header(&serde_json::to_vec(&header).unwrap(), data));
        });
    });
}

#[test]
fn an_index_of_any_content_never_panics() {
    alone("an_index_of_any_content_never_panics", || {
        let whole = small();
        let names: Vec<String> = whole.tensors.keys().cloned().collect();
        let shard = prop::sample::select(vec!["a.safetensors", "b.safetensors", "../a.safetensors", "/etc/passwd", "", ".", "a\u{0}b"]);
        let values = prop_oneof![shard.prop_map(|word| json!(word)), settings()];
        let map = prop::collection::btree_map(prop::sample::select(names), values, 0..6);
        proptest!(ProptestConfig::with_cases(200), |(map in map, other in settings(), which in 0..4u32, cut in any::<prop::sample::Index>())| {
            let folder = tempfile::tempdir().unwrap();
            whole.write(&folder.path().join("a.safetensors"));
            let index = match which {
                0 => other,
                1 => json!({"weight_map": other}),
                _ => json!({"weight_map": map}),
            };
            let mut text = index.to_string();
            if which == 3 {
                text = text.chars().take(cut.index(text.chars().count() + 1)).collect();
            }
            let path = folder.path().join("model.safetensors.index.json");
            std::fs::write(&path, text).unwrap();
            for given in [path, folder.path().to_owned()] {
                if let Err(error) = read_all(&given) {
                    prop_assert!(!matches!(error, Error::Tensor { .. }) && error.to_string().len() < 4000, "{}", error);
                }
            }
        });
    });
}

#[test]
fn settings_of_any_kind_never_panic() {
    alone("settings_of_any_kind_never_panic", || {
        // Each case writes a checkpoint and a Gemma.
        let folder = tempfile::tempdir().unwrap();
        let paths = text_files(folder.path());
        let (file, gemma) = (File::read(&paths[0]), std::fs::read(&paths[2]).unwrap());
        let gemma: serde_json::Value = serde_json::from_slice(&gemma).unwrap();
        proptest!(ProptestConfig::with_cases(80), |(key in prop::sample::select(KEYS.to_vec()), value in settings())| {
            let mut config = file.config();
            config["transformer"][key] = value.clone();
            file.clone().with("config", config).write(&paths[0]);
            let mut gemma = gemma.clone();
            gemma["text_config"][key] = value;
            std::fs::write(&paths[2], gemma.to_string()).unwrap();
            if let Err(error) = load(folder.path()) {
                prop_assert!(!matches!(error, Error::Tensor { .. }), "{}", error);
            }
        });
    });
}

#[test]
fn a_tokenizer_of_any_content_never_panics() {
    alone("a_tokenizer_of_any_content_never_panics", || {
        let folder = tempfile::tempdir().unwrap();
        let paths = text_files(folder.path());
        let whole = std::fs::read(&paths[3]).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&whole).unwrap();
        let keys: Vec<String> = json.as_object().unwrap().keys().cloned().collect();
        let key = prop::sample::select(keys);
        proptest!(ProptestConfig::with_cases(120), |(changes in changes(), key in key, value in settings(), bytes in any::<bool>())| {
            let mut other = json.clone();
            other[key] = value;
            let text = if bytes { changed(&whole, whole.len(), &changes) } else { other.to_string().into_bytes() };
            std::fs::write(&paths[3], text).unwrap();
            let read = load(folder.path()).and_then(|encoder| encoder.with_length(16)?.tokens("rain on a tin roof"));
            if let Err(error) = read {
                prop_assert!(!matches!(error, Error::Tensor { .. }), "{}", error);
            }
        });
    });
}

/// Keys that the text path reads.
const KEYS: [&str; 24] = [
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "hidden_size",
    "intermediate_size",
    "layer_types",
    "rope_parameters",
    "rope_scaling",
    "per_layer_config",
    "sliding_window",
    "vocab_size",
    "max_position_embeddings",
    "num_kv_shared_layers",
    "sliding_window_pattern",
    "rms_norm_eps",
    "connector_num_attention_heads",
    "connector_attention_head_dim",
    "connector_num_layers",
    "connector_positional_embedding_max_pos",
    "connector_apply_gated_attention",
    "caption_proj_before_connector",
    "frequencies_precision",
    "rope_type",
];

fn settings() -> impl Strategy<Value = serde_json::Value> {
    let numbers =
        prop_oneof![Just(json!(0)), Just(json!(-1)), Just(json!(u64::MAX)), Just(json!(1e300)), (0u32..40).prop_map(|n| json!(n))];
    let words = prop::sample::select(vec!["", "full_attention", "linear", "proportional", "split"]).prop_map(|word| json!(word));
    let leaf = prop_oneof![numbers, words, any::<bool>().prop_map(|flag| json!(flag)), Just(json!(null))];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(|list| json!(list)),
            prop::collection::btree_map(
                prop::sample::select(vec!["full_attention", "sliding_attention", "rope_type", "factor", "0", "head_dim"]),
                inner,
                0..4
            )
            .prop_map(|map| json!(map)),
        ]
    })
}

/// What the text path needs and nothing else, in a folder: the single file, Gemma, its settings, its tokenizer.
fn text_files(root: &Path) -> [PathBuf; 4] {
    let whole = single("2.5");
    let kept = |name: &str| {
        let wanted =
            name.contains("_embeddings_connector.") || name.starts_with("text_embedding_projection.") || name.contains("patchify_proj.");
        wanted.then(|| name.to_owned())
    };
    let file = whole.renamed(kept).with("model_version", "2.5.0").with("config", sections(&whole, &["transformer"]));
    let copy = |from: &str, to: &str| {
        let to = root.join(to);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(fixture("ltx-2.5/diffusers").join(from), &to).unwrap();
        to
    };
    [
        file.write(&root.join("hostile.safetensors")),
        copy("text_encoder/model.safetensors", "gemma/model.safetensors"),
        copy("text_encoder/config.json", "gemma/config.json"),
        copy("tokenizer/tokenizer.json", "gemma/tokenizer.json"),
    ]
}

fn load(root: &Path) -> Result<TextEncoder> {
    TextEncoder::load(&Checkpoint::open(&[root.to_owned()])?, &Place::default(), false)
}

#[test]
fn a_missing_or_misshapen_tensor_is_named_with_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let paths = text_files(folder.path());
    load(folder.path()).unwrap();
    for (path, label, every) in [(&paths[0], "hostile.safetensors", 3), (&paths[1], "model.safetensors", 7)] {
        let whole = File::read(path);
        for (name, stuff) in whole.tensors.iter().step_by(every) {
            let known = name.rsplit_once("layers.").map_or(name.as_str(), |(_, rest)| rest);
            let known = known.rsplit_once("_connector.").map_or(known, |(_, rest)| rest);
            if name.contains("patchify_proj.") {
                continue;
            }
            let leaf = known.rsplit('.').take(2).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join(".");
            let mut without = whole.clone();
            without.tensors.remove(name);
            without.write(path);
            let error = load(folder.path()).unwrap_err();
            let message = error.to_string();
            assert!(
                matches!(error, Error::MissingTensor { .. }) && message.contains(&leaf) && message.contains(label),
                "{name}: {message}"
            );

            let mut other = whole.clone();
            let mut wrong = stuff.clone();
            wrong.shape.push(1);
            other.tensors.insert(name.clone(), wrong);
            other.write(path);
            let error = load(folder.path()).unwrap_err();
            let message = error.to_string();
            assert!(matches!(error, Error::Shape { .. }) && message.contains(&leaf) && message.contains(label), "{name}: {message}");

            let mut other = whole.clone();
            other.tensors.get_mut(name).unwrap().dtype = "F16_X".into();
            other.write(path);
            let error = load(folder.path()).unwrap_err();
            let message = error.to_string();
            assert!(matches!(error, Error::Dtype { .. }) && message.contains(&leaf) && message.contains("F16_X"), "{name}: {message}");
        }
        whole.write(path);
    }
    load(folder.path()).unwrap();
}

#[test]
fn a_weight_of_the_transformer_that_is_no_number_is_named_with_its_file() {
    let name = "model.diffusion_model.transformer_blocks.1.ff.net.2.weight";
    let mut file = single("2.3");
    let stuff = file.tensors.get_mut(name).unwrap();
    assert_eq!(stuff.dtype, "BF16");
    let middle = stuff.bytes.len() / 4 * 2;
    stuff.bytes[middle..middle + 2].copy_from_slice(&0x7fc0u16.to_le_bytes());
    let folder = tempfile::tempdir().unwrap();
    let path = file.write(&folder.path().join("hostile.safetensors"));
    let transformer = Transformer::load(&Checkpoint::open(&[path]).unwrap(), &Place::default(), Residence::default()).unwrap();
    let ones = |rows: usize, columns: usize| Tensor::ones((rows, columns), DType::F32, &Device::Cpu).unwrap();
    let stream = |width: Width, axes: usize| Stream {
        tokens: ones(2, width.inputs),
        timesteps: Timesteps::uniform(0.5, 2),
        sigma: 0.5,
        positions: Arc::new(Positions(vec![vec![(0.0, 1.0), (1.0, 2.0)]; axes])),
        context: ones(3, width.context),
        keyframes: None,
        mask: None,
    };
    let config = transformer.config();
    let mut pass = Pass { video: stream(config.video, 3), audio: stream(config.audio, 1), perturbation: Perturbation::default() };
    let message = transformer.forward(std::slice::from_ref(&pass)).unwrap_err().to_string();
    assert!(message.contains("transformer_blocks.1.ff.net.2.weight holds NaN") && message.contains("hostile.safetensors"), "{message}");
    // A question that is no number is not the weights' fault.
    pass.video.tokens = (pass.video.tokens * f64::NAN).unwrap();
    assert!(matches!(transformer.forward(&[pass]), Err(Error::Broken(_))));
}

/// Not so the rows of tokens that a prompt has not, and what only says that there is a transformer.
fn read_for_every_prompt(name: &str) -> bool {
    !name.contains("patchify_proj.") && !name.contains("embed_tokens.")
}

/// NaN in whatever is read at once is refused when it is read; in a matrix it is found when nothing but NaN comes out.
#[test]
fn a_weight_that_is_no_number_is_named_with_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let paths = text_files(folder.path());
    for (path, label, every) in [(&paths[0], "hostile.safetensors", 5), (&paths[1], "model.safetensors", 9)] {
        let whole = File::read(path);
        for (name, stuff) in whole.tensors.iter().filter(|(name, _)| read_for_every_prompt(name)).step_by(every) {
            let mut other = whole.clone();
            let mut wrong = stuff.clone();
            // The upper half of a NaN, in either form.
            let (at, width) = if wrong.dtype == "BF16" { (0, 2) } else { (2, 4) };
            assert_eq!(wrong.bytes.len(), width * wrong.shape.iter().product::<usize>(), "{name}");
            wrong.bytes[at..at + 2].copy_from_slice(&0x7fc0u16.to_le_bytes());
            other.tensors.insert(name.clone(), wrong);
            other.write(path);
            let error = load(folder.path()).and_then(|encoder| encoder.with_length(16)?.encode("rain", &|| false)).unwrap_err();
            let message = error.to_string();
            let leaf = name.rsplit('.').take(2).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join(".");
            assert!(message.contains(&leaf) && message.contains(label) && message.contains("NaN"), "{name}: {message}");
        }
        whole.write(path);
    }
}

#[test]
fn a_tokenizer_from_a_stranger_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let paths = text_files(folder.path());
    let whole = std::fs::read(&paths[3]).unwrap();
    for length in [0, 1, whole.len() / 3, whole.len() - 1] {
        std::fs::write(&paths[3], &whole[..length]).unwrap();
        let message = load(folder.path()).unwrap_err().to_string();
        assert!(message.contains("tokenizer.json"), "{message}");
    }
    // A part at which the tokenizers' crate gives up by panicking.
    let mut json: serde_json::Value = serde_json::from_slice(&whole).unwrap();
    let decoder = std::mem::replace(&mut json["decoder"], json!({"type": "none that is known"}));
    std::fs::write(&paths[3], json.to_string()).unwrap();
    let message = load(folder.path()).unwrap_err().to_string();
    assert!(message.contains("tokenizer.json"), "{message}");
    json["decoder"] = decoder;
    // Tokens beyond the embedding: the tokenizer of another model.
    json["model"]["vocab"]["r"] = json!(100_000);
    std::fs::write(&paths[3], json.to_string()).unwrap();
    let encoder = load(folder.path()).unwrap();
    let message = encoder.encode("rain", &|| false).unwrap_err().to_string();
    assert!(message.contains("100000") && message.contains("tokenizer.json"), "{message}");
    std::fs::remove_file(&paths[3]).unwrap();
    let message = load(folder.path()).unwrap_err().to_string();
    assert!(message.contains("tokenizer"), "{message}");
}

#[test]
fn a_stopped_prompt_says_so_and_a_long_one_what_it_lost() {
    let folder = tempfile::tempdir().unwrap();
    text_files(folder.path());
    let encoder = load(folder.path()).unwrap().with_length(16).unwrap();
    assert!(matches!(encoder.encode("rain", &|| true), Err(Error::Cancelled)));
    let context = encoder.encode("twenty-five letters of it", &|| false).unwrap();
    assert_eq!((context.tokens, context.unread.as_str(), context.video.dims()[0]), (16, "ters of it", 16));
    let context = encoder.encode("   ", &|| false).unwrap();
    assert_eq!((context.tokens, context.unread.as_str(), context.audio.dims()[0]), (1, "", 16));
    assert!(encoder.with_length(17).is_err());
}
