//! `pickup bridge` on a real clip whose missing frames are known.
#![allow(clippy::unwrap_used)]

mod support;

use support::{Scratch, events, frames, media, of_kind, probe, psnr, stream, truth};

fn clip(span: &str) -> String {
    format!("{}@{span}", media("clips/udacity_lane.mp4").display())
}

fn bridge(span: (&str, &str), n: &str, rest: &[&str]) -> Vec<String> {
    let mut args: Vec<String> =
        ["bridge", "--tail", &clip(span.0), "--head", &clip(span.1), "--frames", n, "--json"].map(str::to_owned).into();
    args.extend(rest.iter().map(|s| (*s).to_owned()));
    args
}

#[test]
fn the_missing_frames_come_back_better_than_a_dissolve() {
    let s = Scratch::new();
    s.ok(bridge(("40-50", "53-63"), "3", &["--sound", "none", "-o", "made"]));
    let made = frames(&s.path("made"), "png");
    assert_eq!(made.len(), 3);
    assert_eq!(made[0].file_name().unwrap(), "000000.png");
    truth(&media("clips/udacity_lane.mp4"), 49, 54, &s.path("truth"));
    let known = frames(&s.path("truth"), "png");
    let hold: f64 = (1..4).map(|i| psnr(&known[0], &known[i])).sum::<f64>() / 3.0;
    let ours: f64 = (0..3).map(|i| psnr(&made[i], &known[i + 1])).sum::<f64>() / 3.0;
    assert!(ours > hold + 1.5, "bridge {ours:.2} dB, hold {hold:.2} dB");
}

#[test]
fn a_movie_has_its_frames_its_samples_and_its_timecode() {
    let s = Scratch::new();
    let out = s.ok(bridge(("40-50", "62-72"), "12", &["--start", "01:00:02:00", "-o", "made.mov"]));
    let p = probe(&s.path("made.mov"));
    let (video, audio) = (stream(&p, "video"), stream(&p, "audio"));
    assert_eq!(video["nb_read_frames"], "12");
    assert_eq!((&video["codec_name"], &video["profile"]), (&"prores".into(), &"4444".into()));
    assert_eq!((&video["width"], &video["height"], &video["r_frame_rate"]), (&960.into(), &540.into(), &"25/1".into()));
    assert_eq!(
        (&audio["codec_name"], &audio["sample_rate"], &audio["duration_ts"]),
        (&"pcm_s24le".into(), &"48000".into(), &23_040.into())
    );
    assert_eq!(stream(&p, "data")["tags"]["timecode"], "01:00:02:00");
    let all = events(&out);
    let takes = of_kind(&all, "take");
    assert_eq!(takes.len(), 1);
    let manifest = std::fs::read_to_string(std::path::Path::new(takes[0]["folder"].as_str().unwrap()).join("take.json")).unwrap();
    assert!(manifest.contains("digitalsourcetype/compositeSynthetic"));
    assert!(!of_kind(&all, "progress").is_empty() && of_kind(&all, "output").len() == 1);
}

#[test]
fn neighbours_stand_on_both_sides_untouched() {
    let s = Scratch::new();
    s.ok(bridge(("45-50", "53-58"), "3", &["--with-neighbours", "-o", "all"]));
    let all = frames(&s.path("all"), "png");
    assert_eq!(all.len(), 13);
    s.ok(["retime", "--clip", &clip("45-50"), "--factor", "1", "--quiet", "-o", "tail"]);
    for (mine, given) in all.iter().zip(frames(&s.path("tail"), "png")) {
        assert_eq!(image::open(mine).unwrap(), image::open(given).unwrap());
    }
    assert!(s.path("all/audio.wav").exists());
}

#[test]
fn the_same_request_gives_the_same_bytes_for_any_number_of_threads_and_is_found_again() {
    let s = Scratch::new();
    let args = |dir: &str, out: &str| bridge(("40-50", "54-64"), "4", &["--takes-dir", dir, "-o", out]);
    for (threads, dir) in [("1", "takes-1"), ("4", "takes-4")] {
        let out = s.command(args(dir, dir.trim_start_matches("takes-"))).env("RAYON_NUM_THREADS", threads).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        assert_eq!(of_kind(&events(&out), "take")[0]["found"], false);
    }
    let folder = |dir: &str| std::fs::read_dir(s.path(dir).join("takes")).unwrap().next().unwrap().unwrap().path();
    let (one, four) = (folder("takes-1"), folder("takes-4"));
    assert_eq!(one.file_name(), four.file_name());
    for name in ["take.json", "sound.wav", "poster.png"] {
        assert!(std::fs::read(one.join(name)).unwrap() == std::fs::read(four.join(name)).unwrap(), "{name} differs");
    }
    let again = s.ok(args("takes-1", "again"));
    assert_eq!(of_kind(&events(&again), "take")[0]["found"], true);
}

#[test]
fn several_takes_differ_in_their_seed_alone() {
    let s = Scratch::new();
    let out = s.ok(bridge(("40-50", "52-62"), "2", &["--takes", "2", "--seed", "7", "-o", "made"]));
    let all = events(&out);
    let ids: Vec<&str> = of_kind(&all, "take").iter().map(|t| t["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
    let listed = s.ok(["takes", "list", "--json"]);
    assert_eq!(String::from_utf8_lossy(&listed.stdout).lines().count(), 2);
    let shown = String::from_utf8_lossy(&s.ok(["takes", "show", ids[0]]).stdout).into_owned();
    assert!(shown.contains("seed 7") && shown.contains("as they were made"), "{shown}");
}

#[test]
fn a_context_file_stands_for_both_sides_and_its_mistakes_are_named() {
    let s = Scratch::new();
    for (name, span) in [("tail", "44-50"), ("head", "53-59")] {
        s.ok(["retime", "--clip", &clip(span), "--factor", "1", "--quiet", "-o", name]);
    }
    let context = serde_json::json!({"version": 1, "rate": "25", "timecode": "01:00:02:00", "colour": "rec709",
        "tail": {"frames": "tail/%06d.png"}, "head": {"frames": "head/%06d.png"}});
    std::fs::write(s.path("context.json"), context.to_string()).unwrap();
    s.ok(["bridge", "--context", "context.json", "--frames", "3", "--quiet", "-o", "made.mov"]);
    let p = probe(&s.path("made.mov"));
    assert_eq!(stream(&p, "video")["nb_read_frames"], "3");
    assert_eq!(stream(&p, "data")["tags"]["timecode"], "01:00:02:00");

    std::fs::write(s.path("bad.json"), context.to_string().replace("\"25\"", "\"fast\"")).unwrap();
    assert!(s.fails(1, ["bridge", "--context", "bad.json", "--frames", "3", "-o", "x"]).contains("fast"));
    std::fs::write(s.path("gone.json"), context.to_string().replace("tail/", "nowhere/")).unwrap();
    assert!(s.fails(1, ["bridge", "--context", "gone.json", "--frames", "3", "-o", "x"]).contains("nowhere"));
}
