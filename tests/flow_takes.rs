//! `pickup takes rank`, `sheet`, `choose`, `pin` and `gc`, on takes of the draft engine.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use support::{Scratch, events, media, of_kind};

fn lines(out: &std::process::Output) -> Vec<Value> {
    String::from_utf8_lossy(&out.stdout).lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

/// A small clip with sound: what is tested here does not depend on the size.
fn clip(s: &Scratch) -> PathBuf {
    let path = s.path("clip.mov");
    let done = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(media("clips/udacity_lane.mp4"))
        .args(["-f", "lavfi", "-i", "anoisesrc=r=48000:a=0.05:seed=1", "-map", "0:v", "-map", "1:a", "-vf", "scale=192:108"])
        .args(["-frames:v", "60", "-shortest", "-c:v", "mjpeg", "-q:v", "3", "-c:a", "pcm_s16le"])
        .arg(&path)
        .status();
    assert!(done.unwrap().success());
    path
}

/// Three takes of one bridge and a card of another shot. Gives the bridge's ids by seed, and the card's.
fn takes(s: &Scratch) -> (Vec<String>, String) {
    let clip = clip(s);
    let part = |span: &str| format!("{}@{span}", clip.display());
    let id =
        |out: &std::process::Output| of_kind(&events(out), "take").iter().map(|t| t["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let bridge = ["bridge", "--tail", &part("0-24"), "--head", &part("30-54"), "--frames", "6", "--takes", "3", "--json", "-o", "b"];
    let made = id(&s.ok(bridge));
    let card = [
        "establish",
        "--prompt",
        "</script><b>a harbour",
        "--frames",
        "4",
        "--size",
        "64x36",
        "--rate",
        "25",
        "--handles",
        "0",
        "--json",
        "-o",
        "e",
    ];
    let card = id(&s.ok(card)).remove(0);
    (made, card)
}

#[test]
fn takes_are_ranked_shown_chosen_and_cleared_away() {
    let s = Scratch::new();
    let (bridge, card) = takes(&s);
    let before: Vec<_> = bridge.iter().map(|id| std::fs::read(s.path("takes/takes").join(id).join("take.json")).unwrap()).collect();

    // Rank: all takes, by shot; the same order and figures each time; a card below a picture.
    let ranked = lines(&s.ok(["takes", "rank", "--json"]));
    assert_eq!(ranked, lines(&s.ok(["takes", "rank", "--json"])));
    assert_eq!(ranked.len(), 4);
    let of = |id: &str| ranked.iter().find(|r| r["id"] == id).unwrap();
    assert!(bridge.iter().all(|id| of(id)["shot"] == of(&bridge[0])["shot"]));
    assert_ne!(of(&card)["shot"], of(&bridge[0])["shot"]);
    assert!(of(&card)["score"].as_f64() < of(&bridge[0])["score"].as_f64());
    assert!(of(&bridge[0])["seam"].as_f64().unwrap() > 0.0);
    let one = lines(&s.ok(["takes", "rank", "--json", &card]));
    assert_eq!(one.len(), 1);
    assert!(s.fails(1, ["takes", "rank", "nothing"]).contains("there is no shot or take 'nothing'"));

    // Sheet: one file, nothing fetched, every take in it, and a prompt that cannot break out.
    s.ok(["takes", "sheet", "--quiet", "-o", "sheet.html"]);
    let page = std::fs::read_to_string(s.path("sheet.html")).unwrap();
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("</script><b>"));
    let data = page.split("id=\"data\">").nth(1).unwrap().split("</script>").next().unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    let cards = data["takes"].as_array().unwrap();
    assert_eq!(cards.len(), 4);
    let shown = cards.iter().find(|c| c["id"] == bridge[0].as_str()).unwrap();
    let media = page.split(&format!("id=\"media-{}\">", shown["order"])).nth(1).unwrap().split("</script>").next().unwrap();
    let media: Value = serde_json::from_str(media).unwrap();
    for strip in [&media["strip"], &media["cut_in"]["strip"], &media["cut_out"]["strip"]] {
        assert!(strip.as_str().unwrap().starts_with("data:image/jpeg;base64,/9j/"));
    }
    assert!(media["sound"].as_str().unwrap().starts_with("data:audio/mp4;base64,"));
    assert!(media["bars"].as_array().unwrap().iter().all(|bar| (20..90).contains(&bar.as_u64().unwrap())), "{}", media["bars"]);
    assert_eq!((&media["cut_in"]["cells"], &media["cut_in"]["at"], &shown["cells"]), (&4.into(), &2.into(), &6.into()));
    assert_eq!(cards.iter().find(|c| c["id"] == card.as_str()).unwrap()["prompt"], "</script><b>a harbour");

    // Choose and pin: gc with a quota of nothing leaves exactly these.
    s.ok(["takes", "choose", &bridge[1], "--project", "the film"]);
    s.ok(["takes", "pin", &card]);
    let pretended = lines(&s.ok(["takes", "gc", "--quota", "0", "--pretend", "--json"])).remove(0);
    assert_eq!(lines(&s.ok(["takes", "list", "--json"])).len(), 4);
    let done = lines(&s.ok(["takes", "gc", "--quota", "0", "--json"])).remove(0);
    assert_eq!(pretended["removed"].as_array().unwrap().len(), 2);
    assert_eq!(done["removed"], pretended["removed"]);
    assert!(done["over"].as_u64().unwrap() > 0);
    let mut left: Vec<String> = lines(&s.ok(["takes", "list", "--json"])).iter().map(|t| t["id"].as_str().unwrap().to_owned()).collect();
    let mut kept = vec![bridge[1].clone(), card.clone()];
    left.sort();
    kept.sort();
    assert_eq!(left, kept);

    // A choice that was taken back, and a pin that is off, protect nothing; takes are never changed by any of it.
    assert_eq!(std::fs::read(s.path("takes/takes").join(&bridge[1]).join("take.json")).unwrap(), before[1]);
    s.ok(["takes", "choose", &bridge[1], "--project", "the film", "--clear"]);
    s.ok(["takes", "pin", &card, "--off"]);
    s.ok(["takes", "gc", "--quota", "0"]);
    assert!(lines(&s.ok(["takes", "list", "--json"])).is_empty());
}

#[test]
fn takes_whose_neighbours_are_gone_are_ranked_by_what_is_left() {
    let s = Scratch::new();
    let clip = clip(&s);
    let part = |span: &str| format!("{}@{span}", clip.display());
    s.ok(["bridge", "--tail", &part("0-24"), "--head", &part("30-54"), "--frames", "4", "--quiet", "-o", "b"]);
    std::fs::remove_file(&clip).unwrap();
    let out = s.ok(["takes", "rank", "--json"]);
    assert!(String::from_utf8_lossy(&out.stderr).contains("its neighbours cannot be read"));
    let ranked = lines(&out);
    assert!(ranked[0]["colour"].is_null() && ranked[0]["seam"].as_f64().is_some());
}
