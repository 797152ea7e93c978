//! The ltx engine through the real executable, on a tiny checkpoint of random weights in the published layout. What it shows is noise;
//! what must hold is everything around it: frames, samples, joins, the same bytes, and every way in which a checkpoint can be wrong.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use support::{Scratch, events, frames, of_kind, probe, stream};

fn fixture(generation: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("model/ltx/tests/parity/fixtures").join(generation)
}

/// A folder as a user has it: the checkpoint, its upscaler, Gemma with its tokenizer.
fn weights(s: &Scratch, generation: &str) -> String {
    let folder = s.path(generation);
    let from = fixture(generation);
    for part in ["original", "diffusers/text_encoder", "diffusers/tokenizer"] {
        let to = folder.join(part.rsplit('/').next().unwrap());
        std::fs::create_dir_all(&to).unwrap();
        for file in std::fs::read_dir(from.join(part)).unwrap() {
            let file = file.unwrap().path();
            // Its name makes it a distilled one: eight steps, no guidance.
            let name = file.file_name().unwrap().to_str().unwrap().replace("ltx-tiny-2", "ltx-tiny-distilled-2");
            std::fs::copy(&file, to.join(name)).unwrap();
        }
    }
    folder.to_str().unwrap().to_owned()
}

/// A little clip with sound that ffmpeg makes.
fn clip(s: &Scratch, name: &str, source: &str, tone: u32) -> String {
    let path = s.path(name);
    let made = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", &format!("{source}=size=96x64:rate=24:duration=2")])
        .args(["-f", "lavfi", "-i", &format!("sine=frequency={tone}:sample_rate=48000:duration=2"), "-ac", "2"])
        .args(["-c:v", "ffv1", "-c:a", "pcm_s16le", path.to_str().unwrap()])
        .status()
        .unwrap();
    assert!(made.success());
    path.to_str().unwrap().to_owned()
}

fn take_folder(out: &std::process::Output) -> PathBuf {
    of_kind(&events(out), "take")[0]["folder"].as_str().unwrap().into()
}

#[test]
fn a_bridge_has_its_frames_and_its_samples_and_the_same_bytes_for_any_number_of_threads() {
    let s = Scratch::new();
    let weights = weights(&s, "ltx-2.3");
    let (tail, head) = (clip(&s, "tail.mkv", "testsrc2", 220), clip(&s, "head.mkv", "testsrc2", 330));
    let args = |takes: &str, out: &str| -> Vec<String> {
        let args = ["bridge", "--tail", &tail, "--head", &head, "--frames", "10", "--engine", "ltx", "--weights", &weights];
        let rest = ["--prompt", "a harbour at dawn", "--seed", "3", "--json", "--takes-dir", takes, "-o", out];
        args.into_iter().chain(rest).map(str::to_owned).collect()
    };
    let mut folders = Vec::new();
    for threads in ["1", "3"] {
        let out = s
            .command(args(&format!("takes-{threads}"), &format!("made-{threads}.mov")))
            .env("RAYON_NUM_THREADS", threads)
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        folders.push(take_folder(&out));
    }
    assert_eq!(folders[0].file_name(), folders[1].file_name());
    for name in ["take.json", "sound.wav"] {
        assert!(std::fs::read(folders[0].join(name)).unwrap() == std::fs::read(folders[1].join(name)).unwrap(), "{name} differs");
    }
    let p = probe(&s.path("made-1.mov"));
    assert_eq!(stream(&p, "video")["nb_read_frames"], "10");
    assert_eq!(stream(&p, "audio")["duration_ts"], 20_000);
    let manifest = std::fs::read_to_string(folders[0].join("take.json")).unwrap();
    assert!(manifest.contains("compositeWithTrainedAlgorithmicMedia") && manifest.contains("seam-in") && manifest.contains("flicker"));
    assert!(!s.path("takes-1/unfinished").join(format!("{}.state", folders[0].file_name().unwrap().to_str().unwrap())).exists());
}

#[test]
fn every_task_gives_exactly_what_was_asked() {
    let s = Scratch::new();
    let weights = weights(&s, "ltx-2.5");
    let shot = clip(&s, "shot.mkv", "testsrc2", 220);
    let common = ["--engine", "ltx", "--weights", &weights, "--quiet"];
    let run = |args: &[&str], out: &str, count: usize| {
        s.ok(args.iter().copied().chain(common).chain(["-o", out]));
        assert_eq!(frames(&s.path(out), "png").len(), count, "{out}");
        let wave = probe(&s.path(out).join("audio.wav"));
        assert_eq!(stream(&wave, "audio")["duration_ts"], (count * 2000) as u64, "{out}");
    };
    let establish = ["establish", "--prompt", "a pier", "--size", "100x60", "--rate", "24", "--frames", "7", "--handles", "2"];
    run(&[&establish[..], &["--camera", "push", "--beat", "4=a gull lands"]].concat(), "establish", 11);
    run(&["insert", "--like", &shot, "--frames", "5", "--handles", "3"], "insert", 11);
    run(&["extend", "--clip", &shot, "--at", "tail", "--frames", "9", "--handles", "0"], "tail", 9);
    run(&["extend", "--clip", &shot, "--at", "head", "--frames", "9", "--handles", "1"], "head", 10);
    run(&["retake", "--clip", &shot, "--span", "10-20"], "retake", 10);
    run(&["retake", "--clip", &shot, "--span", "10-20", "--keep", "picture"], "kept-picture", 10);
    run(&["retake", "--clip", &shot, "--span", "10-20", "--keep", "sound"], "kept-sound", 10);
    // What is kept is the editor's own: samples to the bit.
    let samples = |path: &str, filter: &str| {
        let out =
            std::process::Command::new("ffmpeg").args(["-v", "error", "-i", path, "-af", filter, "-f", "s16le", "-"]).output().unwrap();
        assert!(out.status.success());
        out.stdout
    };
    let kept = samples(s.path("kept-sound").join("audio.wav").to_str().unwrap(), "anull");
    assert!(kept == samples(&shot, "atrim=start_sample=20000:end_sample=40000") && kept.iter().any(|b| *b != 0));
    // A rate beyond what the model knows: every second frame is its own, those between are not.
    s.ok(["establish", "--prompt", "a pier", "--size", "64x64", "--rate", "120", "--frames", "9", "--handles", "0"]
        .into_iter()
        .chain(common)
        .chain(["-o", "fast"]));
    assert_eq!(frames(&s.path("fast"), "png").len(), 9);
    s.ok(["retime", "--clip", &format!("{shot}@10-20"), "--factor", "1", "--quiet", "-o", "own"]);
    for (kept, own) in frames(&s.path("kept-picture"), "png").iter().zip(frames(&s.path("own"), "png")) {
        let (kept, own) = (image::open(kept).unwrap().to_rgb8(), image::open(own).unwrap().to_rgb8());
        // A take keeps half floats: a code value between two of 8 bits may fall to either side.
        let worst = kept.as_raw().iter().zip(own.as_raw()).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(worst.unwrap() <= 1, "{worst:?}");
    }
}

#[test]
fn a_light_take_is_made_whole_and_compared() {
    let s = Scratch::new();
    let weights = weights(&s, "ltx-2.3");
    let light =
        ["establish", "--prompt", "a pier", "--size", "96x64", "--rate", "24", "--frames", "9", "--handles", "0", "--quality", "draft"];
    let out = s.ok(light.into_iter().chain(["--engine", "ltx", "--weights", &weights, "--json", "-o", "light"]));
    let folder = take_folder(&out);
    let id = folder.file_name().unwrap().to_str().unwrap();
    assert!(folder.join("latents.safetensors").is_file());
    let bytes: u64 = std::fs::read_dir(&folder).unwrap().map(|f| f.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes < 20 << 20, "a light take of {bytes} bytes");
    let out = s.ok(["takes", "promote", id, "--weights", &weights, "--json", "-o", "whole"]);
    let events = events(&out);
    let promoted = of_kind(&events, "promoted");
    assert!(promoted[0]["from"] == id && promoted[0]["psnr"].as_f64().is_some_and(f64::is_finite), "{promoted:?}");
    assert_eq!(frames(&s.path("whole"), "png").len(), 9);
    let manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(take_folder(&out).join("take.json")).unwrap()).unwrap();
    // Without a LoRA that makes log pictures, highlights end at white, and the take says so.
    assert_eq!((&manifest["is_sdr"], &manifest["request"]["quality"]), (&true.into(), &"final".into()));
}

#[test]
fn a_killed_job_goes_on_from_its_last_step_to_the_same_bytes() {
    let s = Scratch::new();
    let weights = weights(&s, "ltx-2.3");
    let args = |takes: &str| -> Vec<String> {
        let args =
            ["establish", "--prompt", "a pier", "--size", "320x192", "--rate", "24", "--frames", "33", "--handles", "0", "--engine", "ltx"];
        args.into_iter().chain(["--weights", &weights, "--json", "--takes-dir", takes, "-o", "made"]).map(str::to_owned).collect()
    };
    let whole = s.ok(args("whole"));
    let mut child = s.command(args("killed")).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let unfinished = s.path("killed/unfinished");
    let state =
        || std::fs::read_dir(&unfinished).into_iter().flatten().flatten().find(|e| e.path().extension().is_some_and(|x| x == "state"));
    while state().is_none() {
        assert!(child.try_wait().unwrap().is_none(), "it was done before it could be killed");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(state().is_some());
    let again = s.ok(args("killed"));
    let (whole, again) = (take_folder(&whole), take_folder(&again));
    assert_eq!(std::fs::read(whole.join("take.json")).unwrap(), std::fs::read(again.join("take.json")).unwrap());
    assert!(state().is_none());
}

#[test]
fn wrong_weights_are_named() {
    let s = Scratch::new();
    let weights = weights(&s, "ltx-2.3");
    let run = |weights: &str| {
        let args = [
            "establish",
            "--prompt",
            "x",
            "--size",
            "64x64",
            "--rate",
            "24",
            "--frames",
            "2",
            "--engine",
            "ltx",
            "--weights",
            weights,
            "-o",
            "out",
        ];
        s.fails(1, args)
    };
    let args = [
        "establish",
        "--prompt",
        "x",
        "--size",
        "64x64",
        "--rate",
        "24",
        "--frames",
        "2",
        "--engine",
        "ltx",
        "--weights",
        "nowhere",
        "-o",
        "out",
    ];
    assert!(s.fails(2, args).contains("nowhere"));
    let folder = Path::new(&weights);
    let model = folder.join("original/ltx-tiny-distilled-2.3.safetensors");
    let bytes = std::fs::read(&model).unwrap();
    std::fs::write(&model, &bytes[..bytes.len() / 2]).unwrap();
    let said = run(&weights);
    assert!(said.contains("ltx-tiny-distilled-2.3.safetensors") && said.contains("cut off"), "{said}");
    std::fs::remove_file(&model).unwrap();
    assert!(run(&weights).contains("transformer"));
    let said =
        s.fails(1, ["establish", "--prompt", "x", "--size", "64x64", "--rate", "24", "--frames", "2", "--engine", "ltx", "-o", "out"]);
    assert!(said.contains("--weights"), "{said}");
    let cuda = [
        "establish",
        "--prompt",
        "x",
        "--size",
        "64x64",
        "--rate",
        "24",
        "--frames",
        "2",
        "--engine",
        "ltx",
        "--weights",
        &weights,
        "--device",
        "cuda",
        "-o",
        "out",
    ];
    assert!(s.fails(1, cuda).contains("processor"));
}
