//! Every published layout gives the same model as the single file: split files, diffusers folders, shards; and what does not belong
//! together is refused by name.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ltx::checkpoint::{Checkpoint, Generation, Origin, Part, Place};
use ltx::error::Error;
use ltx::text::TextEncoder;
use serde_json::{Value, json};
use support::{File, Stuff, fixture, sections, single};

/// The parts of the single file.
const WHOLE: [Part; 5] = [Part::Transformer, Part::TextProjection, Part::VideoVae, Part::AudioVae, Part::Vocoder];

fn open(paths: &[PathBuf]) -> Checkpoint {
    Checkpoint::open(paths).unwrap()
}

fn refused(paths: &[PathBuf]) -> Error {
    Checkpoint::open(paths).unwrap_err()
}

fn reference(generation: &str) -> Checkpoint {
    open(&[fixture(&format!("ltx-{generation}/original/ltx-tiny-{generation}.safetensors"))])
}

/// The same names, shapes and bytes.
fn same(got: &Checkpoint, want: &Checkpoint, part: Part) {
    let all = |checkpoint: &Checkpoint| -> BTreeMap<String, (Vec<usize>, Vec<u8>)> {
        let tensors = checkpoint.tensors(part);
        tensors.map(|(name, file, entry)| (name.to_owned(), (entry.shape.clone(), file.bytes(entry).to_vec()))).collect()
    };
    let (got, want) = (all(got), all(want));
    let names = |all: &BTreeMap<String, _>| all.keys().cloned().collect::<Vec<_>>();
    assert!(!want.is_empty());
    assert_eq!(names(&got), names(&want), "{}", part.label());
    assert!(got == want, "the values of the {} differ", part.label());
}

/// Every key of `got` that `want` has too is the same; whole numbers may be written as floats.
fn agrees(got: &Value, want: &Value, path: &str) -> usize {
    match (got, want) {
        (Value::Object(got), Value::Object(want)) => {
            got.iter().filter_map(|(key, value)| Some(agrees(value, want.get(key)?, &format!("{path}.{key}")))).sum()
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{path}: {got} {want}");
            a.iter().zip(b).enumerate().map(|(i, (a, b))| agrees(a, b, &format!("{path}[{i}]"))).sum()
        }
        _ => {
            assert!(got == want || got.as_f64().is_some() && got.as_f64() == want.as_f64(), "{path}: {got} instead of {want}");
            1
        }
    }
}

fn section(checkpoint: &Checkpoint, part: Part) -> Value {
    checkpoint.part(part, &Place::default()).unwrap().1.value().clone()
}

/// The names of diffusers, by its converter's own rule: substrings exchanged one after another.
fn as_diffusers(component: &str, name: &str) -> String {
    let table: &[(&str, &str)] = match component {
        "transformer" => &[
            ("patchify_proj", "proj_in"),
            ("av_ca_video_scale_shift_adaln_single", "av_cross_attn_video_scale_shift"),
            ("av_ca_a2v_gate_adaln_single", "av_cross_attn_video_a2v_gate"),
            ("av_ca_audio_scale_shift_adaln_single", "av_cross_attn_audio_scale_shift"),
            ("av_ca_v2a_gate_adaln_single", "av_cross_attn_audio_v2a_gate"),
            ("scale_shift_table_a2v_ca_video", "video_a2v_cross_attn_scale_shift_table"),
            ("scale_shift_table_a2v_ca_audio", "audio_a2v_cross_attn_scale_shift_table"),
            ("q_norm", "norm_q"),
            ("k_norm", "norm_k"),
            ("prompt_adaln_single", "prompt_adaln"),
            ("adaln_single", "time_embed"),
        ],
        "connectors" => &[
            ("video_embeddings_connector", "video_connector"),
            ("audio_embeddings_connector", "audio_connector"),
            ("transformer_1d_blocks", "transformer_blocks"),
            ("audio_aggregate_embed", "audio_text_proj_in"),
            ("video_aggregate_embed", "video_text_proj_in"),
            ("q_norm", "norm_q"),
            ("k_norm", "norm_k"),
        ],
        "vae" => &[
            ("down_blocks.1.", "down_blocks.0.downsamplers.0."),
            ("down_blocks.2.", "down_blocks.1."),
            ("down_blocks.3.", "down_blocks.1.downsamplers.0."),
            ("down_blocks.4.", "down_blocks.2."),
            ("down_blocks.5.", "down_blocks.2.downsamplers.0."),
            ("down_blocks.6.", "down_blocks.3."),
            ("down_blocks.7.", "down_blocks.3.downsamplers.0."),
            ("down_blocks.8.", "mid_block."),
            ("up_blocks.0.", "mid_block."),
            ("up_blocks.1.", "up_blocks.0.upsamplers.0."),
            ("up_blocks.2.", "up_blocks.0."),
            ("up_blocks.3.", "up_blocks.1.upsamplers.0."),
            ("up_blocks.4.", "up_blocks.1."),
            ("up_blocks.5.", "up_blocks.2.upsamplers.0."),
            ("up_blocks.6.", "up_blocks.2."),
            ("up_blocks.7.", "up_blocks.3.upsamplers.0."),
            ("up_blocks.8.", "up_blocks.3."),
        ],
        "vocoder" => &[
            ("resblocks", "resnets"),
            ("conv_pre", "conv_in"),
            ("conv_post", "conv_out"),
            ("act_post", "act_out"),
            ("downsample.lowpass", "downsample"),
            (".ups.", ".upsamplers."),
        ],
        _ => &[],
    };
    let mut name = name.to_owned();
    // A block is renamed once: its new number is another block's old one.
    let blocks = component == "vae";
    for (from, to) in table {
        if name.contains(from) {
            name = name.replace(from, to);
            if blocks {
                break;
            }
        }
    }
    let name = name.replace("res_blocks", "resnets");
    name.replace("per_channel_statistics.mean-of-means", "latents_mean").replace("per_channel_statistics.std-of-means", "latents_std")
}

/// A diffusers folder made from a fixture's single file, with the arguments that its classes were made with.
fn diffusers(generation: &str, root: &Path) {
    let manifest: Value = serde_json::from_slice(&std::fs::read(fixture(&format!("ltx-{generation}/manifest.json"))).unwrap()).unwrap();
    let file = single(generation);
    let write = |component: &str, class: &str, prefixes: &[&str], without: &str| {
        let tensors = file.renamed(|name| {
            let rest = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix))?;
            (without.is_empty() || !rest.contains(without)).then(|| as_diffusers(component, rest))
        });
        tensors.write(&root.join(component).join("diffusion_pytorch_model.safetensors"));
        let mut config = manifest["ctor"][class].clone();
        config["_class_name"] = json!(class);
        std::fs::write(root.join(component).join("config.json"), config.to_string()).unwrap();
    };
    write("transformer", "LTX2VideoTransformer3DModel", &["model.diffusion_model."], "_embeddings_connector.");
    let own = ["text_embedding_projection.", "model.diffusion_model."];
    let connectors = File {
        tensors: single(generation)
            .tensors
            .into_iter()
            .filter(|(name, _)| name.contains("_embeddings_connector.") || name.starts_with("text_embedding_projection."))
            .map(|(name, stuff)| {
                let rest = own.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap();
                (as_diffusers("connectors", rest), stuff)
            })
            .collect(),
        ..File::default()
    };
    connectors.write(&root.join("connectors/diffusion_pytorch_model.safetensors"));
    let mut config = manifest["ctor"]["LTX2TextConnectors"].clone();
    config["_class_name"] = json!("LTX2TextConnectors");
    std::fs::write(root.join("connectors/config.json"), config.to_string()).unwrap();
    write("vae", "AutoencoderKLLTX2Video", &["vae."], "");
    write("audio_vae", "AutoencoderKLLTX2Audio", &["audio_vae."], "");
    write("vocoder", "LTX2VocoderWithBWE", &["vocoder."], "");
}

#[test]
fn a_diffusers_folder_is_the_single_file_under_other_names() {
    for (generation, known) in [("2.3", Generation::V2_3), ("2.5", Generation::V2_5)] {
        let folder = tempfile::tempdir().unwrap();
        diffusers(generation, folder.path());
        let (got, want) = (open(&[folder.path().to_owned()]), reference(generation));
        for part in WHOLE {
            same(&got, &want, part);
            let keys = agrees(&section(&got, part), &section(&want, part), part.label());
            assert!(keys > 8, "the {} has only {keys} settings in common", part.label());
        }
        assert_eq!((got.generation(), want.generation()), (known, known));
        assert!(matches!(got.origin(), Origin::Derived(_)) && *want.origin() == Origin::Stated);
    }
}

/// The split files of 2.5, with everything that lies beside them.
fn split(root: &Path) {
    let file = single("2.5");
    let strip = |prefix: &'static str| move |name: &str| name.strip_prefix(prefix).map(str::to_owned);
    let keep = |prefixes: &'static [&'static str]| {
        move |name: &str| prefixes.iter().any(|prefix| name.starts_with(prefix)).then(|| name.to_owned())
    };
    let version = |file: File| file.with("model_version", "2-5-0");
    version(file.renamed(keep(&["model.diffusion_model."])))
        .with("config", sections(&file, &["transformer"]))
        .with("gemma_source_checkpoint", json!({"gemma_version": "tiny-1"}))
        .write(&root.join("diffusion_models/transformer.safetensors"));
    version(file.renamed(strip("vae."))).with("config", sections(&file, &["vae"])).write(&root.join("vae/conv.safetensors"));
    version(file.renamed(keep(&["audio_vae.", "vocoder."])))
        .with("config", sections(&file, &["audio_vae", "vocoder"]))
        .write(&root.join("vae/sound.safetensors"));
    let gemma = fixture("ltx-2.5/diffusers/text_encoder");
    let mut text =
        File::read(&gemma.join("model.safetensors")).renamed(|name| Some(format!("model.{}", name.strip_prefix("model.language_model.")?)));
    text.tensors.extend(file.renamed(keep(&["text_embedding_projection."])).tensors);
    let tokenizer = std::fs::read(fixture("ltx-2.5/diffusers/tokenizer/tokenizer.json")).unwrap();
    text.tensors.insert("tokenizer_json".into(), Stuff::bytes(&tokenizer));
    text.tensors.insert("hf_asset__tokenizer_config.json".into(), Stuff::bytes(b"{}"));
    text.tensors.insert("vision_model.patch.weight".into(), Stuff::bytes(b"1234"));
    let mut config: Value = serde_json::from_slice(&std::fs::read(gemma.join("config.json")).unwrap()).unwrap();
    config["gemma_version"] = json!("tiny-1");
    text.with("gemma_config", config).write(&root.join("text_encoders/gemma.safetensors"));
    let lora = [("diffusion_model.a.lora_A.weight", [2, 4]), ("diffusion_model.a.lora_B.weight", [4, 2])];
    let lora = lora.map(|(name, shape)| (name.to_owned(), Stuff::floats(&shape, std::iter::repeat(1.0))));
    File { tensors: lora.into(), ..File::default() }.write(&root.join("loras/distilled.safetensors"));
}

#[test]
fn split_files_are_the_single_file() {
    let folder = tempfile::tempdir().unwrap();
    split(folder.path());
    let (got, want) = (open(&[folder.path().to_owned()]), reference("2.5"));
    for part in WHOLE {
        same(&got, &want, part);
    }
    assert_eq!((got.generation(), got.origin()), (Generation::V2_5, &Origin::Stated));
    for part in [Part::Transformer, Part::VideoVae, Part::AudioVae, Part::Vocoder] {
        assert_eq!(section(&got, part), section(&want, part));
    }
    assert_eq!(got.loras(), [folder.path().join("loras/distilled.safetensors")]);
    assert!(got.files().iter().all(|file| !file.label().contains("distilled")));

    // The same contexts from Gemma inside one file as from its Hugging Face folder.
    let beside = ["original", "diffusers/text_encoder", "diffusers/tokenizer"].map(|name| fixture("ltx-2.5").join(name));
    let contexts = [got, open(&beside)].map(|checkpoint| {
        let encoder = TextEncoder::load(&checkpoint, &Place::default(), false).unwrap().with_length(32).unwrap();
        let context = encoder.encode("rain on a tin roof", &|| false).unwrap();
        [context.video, context.audio].map(|t| t.flatten_all().unwrap().to_vec1::<f32>().unwrap())
    });
    assert_eq!(contexts[0], contexts[1]);
}

#[test]
fn both_video_decoders_lie_in_one_folder() {
    let folder = tempfile::tempdir().unwrap();
    split(folder.path());
    let (file, decoder) = (single("2.5"), fixture("ltx-2.5/diffusion_decoder"));
    // As the published file has it: one matrix for query, key and value, names of its own, settings inside the VAE's.
    let parts = File::read(&decoder.join("diffusion_pytorch_model.safetensors"));
    let mut published = file.renamed(|name| name.strip_prefix("vae.").filter(|rest| !rest.starts_with("decoder.")).map(str::to_owned));
    for (name, stuff) in &parts.tensors {
        let rename = [("attn.to_out.0.", "attn.proj."), (".norm_q.", ".q_norm."), (".norm_k.", ".k_norm.")];
        let name = rename.iter().fold(name.clone(), |name, (from, to)| name.replace(from, to));
        let name = name.replace("timestep_embedder.linear_1.", "mlp.0.").replace("timestep_embedder.linear_2.", "mlp.2.");
        if name.contains(".to_k.") || name.contains(".to_v.") || name.starts_with("latents_") {
            continue;
        }
        let mut stuff = stuff.clone();
        if name.contains(".to_q.") {
            for other in [".to_k.", ".to_v."] {
                stuff.bytes.extend(&parts.tensors[&name.replace(".to_q.", other)].bytes);
            }
            stuff.shape[0] *= 3;
        }
        published.tensors.insert(name.replace(".to_q.", ".qkv."), stuff);
    }
    for (name, statistic) in [("latents_mean", "mean-of-means"), ("latents_std", "std-of-means")] {
        published.tensors.insert(format!("per_channel_statistics.{statistic}"), parts.tensors[name].clone());
    }
    published.tensors.insert("decoder.coarse_head.weight".into(), Stuff::bytes(b"preview"));
    let known: Value = serde_json::from_slice(&std::fs::read(decoder.join("config.json")).unwrap()).unwrap();
    let strides = known["decoder_upsample_strides"].as_array().unwrap();
    let reductions = known["decoder_upsample_channel_reductions"].as_array().unwrap();
    let nested = json!({"head_dim": known["decoder_head_dim"], "stage_channels": known["decoder_stage_channels"],
        "stage_depths": known["decoder_stage_depths"], "stage_kernels": known["decoder_stage_kernels"], "patch_size": known["patch_size"],
        "stage5_kernel": known["decoder_stage5_kernel"], "t_emb_dim": known["decoder_t_emb_dim"], "out_channels": 3,
        "timestep_scale_multiplier": known["decoder_timestep_scale_multiplier"], "default_num_inference_steps": 1,
        "upsamples": strides.iter().zip(reductions).map(|(s, r)| json!([s, r])).collect::<Vec<_>>()});
    let vae = json!({"_class_name": "CausalDiffusionVAE", "latent_channels": 4, "model_output_type": "x0", "decoder": nested,
        "encoder": {"blocks": file.config()["vae"]["encoder_blocks"], "out_channels": 4}});
    let path = folder.path().join("vae/diffusion.safetensors");
    published.with("config", json!({"vae": vae})).with("model_version", "2.5.0").write(&path);

    let (got, want) = (open(&[folder.path().to_owned()]), open(&[fixture("ltx-2.5/original/ltx-tiny-2.5.safetensors"), decoder]));
    same(&got, &want, Part::DiffusionDecoder);
    same(&got, &want, Part::VideoVae);
    let (got, want) = (section(&got, Part::DiffusionDecoder), section(&want, Part::DiffusionDecoder));
    assert!(agrees(&got, &want, "decoder") > 10);
    let missing: Vec<_> = want.as_object().unwrap().keys().filter(|key| key.starts_with("decoder_") && got.get(key).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn shards_are_those_that_the_index_names() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let file = single("2.3");
    let shard = |index: usize| format!("model-0000{index}-of-00002.safetensors");
    let mut map = BTreeMap::new();
    for which in [1, 2] {
        let mut part = file.clone();
        part.tensors = file.tensors.clone().into_iter().enumerate().filter(|(i, _)| i % 2 + 1 == which).map(|(_, t)| t).collect();
        map.extend(part.tensors.keys().map(|name| (name.clone(), shard(which))));
        part.write(&root.join(shard(which)));
    }
    // A leftover of another download, and a file that has nothing to do with the index.
    File::default().with("model_version", "2.5.0").write(&root.join("model-00003-of-00003.safetensors"));
    file.write(&root.join("model.safetensors"));
    let index = root.join("model.safetensors.index.json");
    std::fs::write(&index, json!({"weight_map": map}).to_string()).unwrap();
    let want = reference("2.3");
    for paths in [[root.to_owned()], [index.clone()]] {
        let got = open(&paths);
        WHOLE.iter().for_each(|part| same(&got, &want, *part));
    }
    std::fs::remove_file(root.join(shard(2))).unwrap();
    let message = refused(&[root.to_owned()]).to_string();
    assert!(message.contains("model.safetensors.index.json") && message.contains(&shard(2)), "{message}");
    for (bad, part) in [("../x.safetensors", "no file beside it"), ("/etc/passwd", "no file beside it"), ("", "no file beside it")] {
        std::fs::write(&index, json!({"weight_map": {"a": bad}}).to_string()).unwrap();
        let message = refused(std::slice::from_ref(&index)).to_string();
        assert!(message.contains(part), "{message}");
    }
    for (bad, part) in
        [("[]", "weight_map"), ("{", "not JSON"), (r#"{"weight_map":{}}"#, "names no file"), (r#"{"weight_map":{"a":7}}"#, "names 7")]
    {
        std::fs::write(&index, bad).unwrap();
        let message = refused(std::slice::from_ref(&index)).to_string();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn two_candidates_for_a_part_are_named_and_the_named_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    split(folder.path());
    let dev = folder.path().join("diffusion_models/transformer.safetensors");
    let distilled = folder.path().join("diffusion_models/distilled.safetensors");
    let mut other = File::read(&dev);
    let first = other.tensors.get_mut("model.diffusion_model.patchify_proj.bias").unwrap();
    first.bytes.iter_mut().for_each(|b| *b = 0);
    other.write(&distilled);
    let error = refused(&[folder.path().to_owned()]);
    let message = error.to_string();
    assert!(matches!(error, Error::Ambiguous { part: "transformer", .. }), "{message}");
    assert!(message.contains(dev.to_str().unwrap()) && message.contains(distilled.to_str().unwrap()), "{message}");
    let fault = shot::Fault::from(error);
    assert!(format!("{fault:?}").contains("name the one file"), "{fault:?}");
    for (named, zero) in [(&dev, false), (&distilled, true)] {
        let checkpoint = open(&[folder.path().to_owned(), named.clone()]);
        let (weights, _) = checkpoint.part(Part::Transformer, &Place::default()).unwrap();
        let bias = weights.values("patchify_proj.bias", weights.shape("patchify_proj.bias").unwrap()).unwrap();
        assert_eq!(bias.iter().all(|b| *b == 0.0), zero);
    }
    let both = refused(&[dev, distilled]).to_string();
    assert!(both.contains("in both"), "{both}");
}

#[test]
fn parts_of_another_generation_are_refused_by_file() {
    let folder = tempfile::tempdir().unwrap();
    split(folder.path());
    let of = |name: &str| folder.path().join(name);
    let expect = |paths: &[PathBuf], file: &str, parts: [&str; 2]| {
        let error = refused(paths);
        let message = error.to_string();
        assert!(matches!(error, Error::Generation { .. }) && message.contains(file), "{message}");
        parts.iter().for_each(|part| assert!(message.contains(part), "{message}"));
    };
    let later = single("2.3").renamed(|name| name.strip_prefix("vae.").map(str::to_owned));
    let later = later.with("model_version", "2.3.0").with("config", sections(&single("2.3"), &["vae"]));
    let elsewhere = tempfile::tempdir().unwrap();
    let later = later.write(&elsewhere.path().join("vae.safetensors"));
    expect(&[of("diffusion_models"), later], "vae.safetensors", ["2.3", "2.5"]);
    let whole = fixture("ltx-2.3/original/ltx-tiny-2.3.safetensors");
    expect(&[whole.clone(), fixture("ltx-2.5/diffusers/text_encoder")], "model.safetensors", ["Gemma 4", "2.3"]);
    let new = of("diffusion_models/transformer.safetensors");
    expect(&[new, fixture("ltx-2.3/diffusers/text_encoder")], "model.safetensors", ["Gemma 3", "2.5"]);
    // Another training of the same Gemma than the transformer asks for.
    let mut text = File::read(&of("text_encoders/gemma.safetensors"));
    let config = text.metadata["gemma_config"].replace("tiny-1", "tiny-2");
    text.metadata.insert("gemma_config".into(), config);
    text.write(&of("text_encoders/gemma.safetensors"));
    expect(&[folder.path().to_owned()], "gemma.safetensors", ["tiny-1", "tiny-2"]);
    // Nothing but a transformer can say what belongs together.
    let error = refused(&[fixture("ltx-2.3/diffusers/text_encoder")]);
    assert!(matches!(error, Error::MissingPart { part: "transformer", .. }), "{error}");
}

#[test]
fn upsamplers_are_told_apart_by_what_they_say_or_are() {
    let whole = fixture("ltx-2.3/original/ltx-tiny-2.3.safetensors");
    let spatial = File::read(&fixture("ltx-2.3/original/ltx-tiny-upscaler.safetensors"));
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, file: &File| file.write(&folder.path().join(name));
    let mut config = spatial.config();
    config["spatial_upsample"] = json!(false);
    config["temporal_upsample"] = json!(true);
    let both = [whole.clone(), write("a.safetensors", &spatial), write("b.safetensors", &spatial.clone().with("config", &config))];
    let checkpoint = open(&both);
    for (part, file) in [(Part::SpatialUpsampler, "a.safetensors"), (Part::TemporalUpsampler, "b.safetensors")] {
        assert!(checkpoint.tensors(part).all(|(_, from, _)| from.label() == file));
        assert!(section(&checkpoint, part)["mid_channels"].is_number());
    }
    // Without settings, five axes of taps are a convolution over time.
    let mut silent = spatial.clone();
    silent.metadata.clear();
    let silent = write("c/silent.safetensors", &silent);
    let config = config.as_object_mut().unwrap();
    config.insert("_class_name".into(), json!("LTX2LatentUpsamplerModel"));
    assert!(open(&[whole.clone(), silent.clone()]).has(Part::SpatialUpsampler));
    std::fs::write(silent.with_file_name("config.json"), Value::Object(config.clone()).to_string()).unwrap();
    let checkpoint = open(&[whole, silent]);
    assert!(checkpoint.has(Part::TemporalUpsampler) && !checkpoint.has(Part::SpatialUpsampler));
    assert_eq!(section(&checkpoint, Part::TemporalUpsampler)["rational_resampler"], config["use_rational_resampler"]);
}

#[test]
fn language_models_that_encode_nothing_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    split(folder.path());
    let mut text = File::read(&folder.path().join("text_encoders/gemma.safetensors"));
    let mut config: Value = serde_json::from_str(&text.metadata["gemma_config"]).unwrap();
    text.write(&folder.path().join("prompt_enhancer/gemma.safetensors"));
    text.write(&folder.path().join(".cache/gemma.safetensors"));
    config["model_type"] = json!("gemma4");
    text.tensors.retain(|name, _| !name.starts_with("text_embedding_projection."));
    text.with("gemma_config", config).write(&folder.path().join("text_encoders/another.safetensors"));
    let checkpoint = open(&[folder.path().to_owned()]);
    assert!(checkpoint.tensors(Part::TextEncoder).all(|(_, file, _)| file.path() == folder.path().join("text_encoders/gemma.safetensors")));
}

#[test]
fn eight_bit_weights_are_read_with_and_without_factors() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = single("2.3");
    let name = "model.diffusion_model.patchify_proj.weight";
    let shape = file.tensors[name].shape.clone();
    let count: usize = shape.iter().product();
    // 0x38 is 1, 0xb8 is −1 (e4m3).
    let bytes: Vec<u8> = (0..count).map(|i| if i % 2 == 0 { 0x38 } else { 0xb8 }).collect();
    file.tensors.insert(name.into(), Stuff { dtype: "F8_E4M3".into(), shape: shape.clone(), bytes });
    let read = |file: &File| {
        let checkpoint = open(&[file.write(&folder.path().join("fp8.safetensors"))]);
        checkpoint.part(Part::Transformer, &Place::default()).unwrap().0.values("patchify_proj.weight", &shape).unwrap()
    };
    let signs = |scale: f32| (0..count).map(|i| if i % 2 == 0 { scale } else { -scale }).collect::<Vec<_>>();
    assert_eq!(read(&file), signs(1.0));
    let scale = Stuff { shape: Vec::new(), ..Stuff::floats(&[1], std::iter::once(0.25)) };
    file.tensors.insert(format!("{name}_scale"), scale);
    assert_eq!(read(&file), signs(0.25));
}
