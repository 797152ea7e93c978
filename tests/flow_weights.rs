//! `pickup weights` against a model hub on this machine that behaves well, badly and worse.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/hub.rs"]
mod hub;
mod support;

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use hub::{COMMIT, Reply, Request, Server, bytes, deliver, send_to, sha256};
use serde_json::{Value, json};
use support::{Scratch, events, of_kind};

const LENGTH: usize = 900_000;
const PART: &str = "tiny/sub/a.safetensors.part";
const WHOLE: &str = "tiny/sub/a.safetensors";

/// A scratch folder with a table of one entry, `tiny`, of one file.
struct Bench {
    scratch: Scratch,
    endpoint: String,
}

impl Bench {
    fn new(endpoint: &str, size: Option<u64>, sha256: Option<&str>) -> Self {
        let bench = Self { scratch: Scratch::new(), endpoint: endpoint.to_owned() };
        bench.table(&json!([{"path": "sub/a.safetensors", "size": size, "sha256": sha256}]));
        bench
    }

    /// As the file is, in the table.
    fn knowing(endpoint: &str, file: &[u8]) -> Self {
        Self::new(endpoint, Some(file.len() as u64), Some(&sha256(file)))
    }

    fn table(&self, files: &Value) {
        let table = json!({
            "schema": "pickup-weights/1",
            "licences": {"tiny-licence": {"title": "The Tiny Licence", "url": "https://licence.example/tiny", "means": "Do as you like."}},
            "sources": {"s": {"repository": "me/tiny", "revision": "main", "licence": "tiny-licence", "login": false}},
            "parts": {"p": {"source": "s", "files": files}},
            "weights": [
                {"name": "tiny", "kind": "checkpoint", "generation": "2.5", "title": "A tiny one", "parts": ["p"]},
                {"name": "twin", "kind": "checkpoint", "generation": "2.5", "title": "The same", "parts": ["p"]},
            ],
        });
        std::fs::create_dir_all(self.path("")).unwrap();
        std::fs::write(self.path("weights.json"), table.to_string()).unwrap();
    }

    /// A path in the weights folder.
    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path("weights").join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut c = self.scratch.command(std::iter::once(&"weights").chain(args));
        for name in [
            "HF_TOKEN",
            "HUGGING_FACE_HUB_TOKEN",
            "HF_TOKEN_PATH",
            "HTTPS_PROXY",
            "https_proxy",
            "ALL_PROXY",
            "all_proxy",
            "NO_PROXY",
            "no_proxy",
            "SSL_CERT_FILE",
        ] {
            c.env_remove(name);
        }
        c.env("PICKUP_WEIGHTS", self.path("")).env("HF_ENDPOINT", &self.endpoint).env("HF_HOME", self.scratch.path("hub-home"));
        c.env("HF_HUB_DOWNLOAD_TIMEOUT", "1").stdin(Stdio::null());
        c
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn get(&self) -> Output {
        self.run(&["get", "tiny", "--accept-licence", "tiny-licence", "--json"])
    }

    fn gets(&self) -> Vec<Value> {
        let out = self.get();
        assert!(out.status.success(), "{}", said(&out));
        events(&out)
    }

    /// Demands that it fails with exit code 1 and that nothing is put in place; gives what was said.
    fn get_fails(&self) -> String {
        let out = self.get();
        assert_eq!(out.status.code(), Some(1), "{}", said(&out));
        assert!(!self.path(WHOLE).exists());
        let last = events(&out).pop().unwrap();
        assert_eq!(last["event"], "error");
        assert!(last["remedy"].as_str().is_some_and(|r| !r.is_empty()));
        said(&out)
    }

    fn has(&self, file: &[u8]) -> bool {
        std::fs::read(self.path(WHOLE)).unwrap() == file && !self.path(PART).exists()
    }
}

fn said(out: &Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned()
}

/// A hub whose store answers as `store` says; both as servers.
fn hub_of(file: &[u8], store: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> (Server, Server) {
    let store = Server::new(store);
    let (address, file) = (store.address.clone(), file.to_vec());
    (Server::new(move |r, _| send_to(&address, &r.path, &file)), store)
}

fn file() -> Vec<u8> {
    bytes(LENGTH, 7)
}

#[test]
fn weights_are_fetched_checked_and_written_down_and_the_login_stays_with_the_hub() {
    let whole = file();
    let served = whole.clone();
    let (hub, store) = hub_of(&whole, move |r, _| deliver(r, &served));
    let b = Bench::knowing(&hub.address, &whole);
    let out = b.command(&["get", "tiny", "--accept-licence", "tiny-licence", "--json"]).env("HF_TOKEN", "hf_secret").output().unwrap();
    assert!(out.status.success(), "{}", said(&out));
    assert!(b.has(&whole));
    let all = events(&out);
    let progress = of_kind(&all, "progress").pop().unwrap();
    assert_eq!((&progress["done"], &progress["of"], &progress["all_of"]), (&json!(LENGTH), &json!(LENGTH), &json!(LENGTH)));
    assert_eq!(of_kind(&all, "file")[0]["sha256"], sha256(&whole));
    assert_eq!(of_kind(&all, "output")[0]["path"], json!(b.path("tiny")));

    assert!(
        hub.asked()
            .iter()
            .all(|r| r.header("authorization") == Some("Bearer hf_secret") && r.path == "/me/tiny/resolve/main/sub/a.safetensors")
    );
    assert!(!store.asked().is_empty() && store.asked().iter().all(|r| r.header("authorization").is_none()), "the store saw the login");
    assert!(!said(&out).contains("hf_secret") && !String::from_utf8_lossy(&out.stdout).contains("hf_secret"));

    let record = std::fs::read_to_string(b.path("tiny/pickup-weights.json")).unwrap();
    assert!(!record.contains("hf_secret"));
    let record: Value = serde_json::from_str(&record).unwrap();
    let kept = &record["files"]["sub/a.safetensors"];
    assert_eq!((&kept["from"], &kept["confirmed"]), (&json!(format!("me/tiny@{COMMIT}/sub/a.safetensors")), &json!(true)));
    assert_eq!(record["licences"][0]["name"], "tiny-licence");
    assert!(record["licences"][0]["accepted"].as_str().unwrap().starts_with("20"));

    // A second time nobody is asked for anything.
    let before = hub.asked().len();
    assert!(b.run(&["get", "tiny", "--quiet"]).status.success());
    assert_eq!(hub.asked().len(), before);
    let path = b.run(&["path", "tiny"]);
    assert_eq!(String::from_utf8_lossy(&path.stdout).trim(), b.path("tiny").to_str().unwrap());
}

#[test]
fn the_login_is_also_read_from_the_hubs_own_file() {
    let whole = file();
    let served = whole.clone();
    let (hub, _store) = hub_of(&whole, move |r, _| deliver(r, &served));
    let b = Bench::knowing(&hub.address, &whole);
    std::fs::create_dir(b.scratch.path("hub-home")).unwrap();
    std::fs::write(b.scratch.path("hub-home/token"), "hf_filed\n").unwrap();
    b.gets();
    assert!(hub.asked().iter().all(|r| r.header("authorization") == Some("Bearer hf_filed")));
}

#[test]
fn a_licence_is_accepted_by_name_before_anything_is_asked() {
    let hub = Server::new(|_, _| Reply::status(500));
    let b = Bench::knowing(&hub.address, &file());
    let out = b.run(&["get", "tiny"]);
    assert_eq!(out.status.code(), Some(2));
    for fact in ["The Tiny Licence", "Do as you like.", "https://licence.example/tiny", "--accept-licence tiny-licence"] {
        assert!(said(&out).contains(fact), "{fact}: {}", said(&out));
    }
    let out = b.run(&["get", "tiny", "--accept-licence", "yes"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(said(&out).contains("tiny-licence"));
    assert!(hub.asked().is_empty());
}

#[test]
fn refusals_of_the_hub_are_told_with_what_to_do() {
    let answers = |reply: Reply, token: bool| {
        let hub = Server::new(move |_, _| reply.clone());
        let b = Bench::knowing(&hub.address, &file());
        let mut c = b.command(&["get", "tiny", "--accept-licence", "tiny-licence"]);
        if token {
            c.env("HF_TOKEN", "hf_secret");
        }
        let out = c.output().unwrap();
        assert_eq!(out.status.code(), Some(1));
        assert_eq!(hub.asked().len(), 1, "asking again would not help");
        assert!(!b.path(WHOLE).exists() && !said(&out).contains("hf_secret"));
        (said(&out), hub.address)
    };
    let has = |(text, _): &(String, String), facts: &[&str]| facts.iter().for_each(|f| assert!(text.contains(f), "{f}: {text}"));
    let login = answers(Reply::status(401), false);
    has(&login, &["me/tiny", "401", "HF_TOKEN", &format!("{}/settings/tokens", login.1)]);
    has(&answers(Reply::status(401), true), &["401", "wrong, expired", "HF_TOKEN"]);
    let gated = answers(Reply::status(403).with("X-Error-Code", "GatedRepo"), true);
    has(&gated, &["403", "licence", &format!("{}/me/tiny", gated.1), "weights get tiny"]);
    has(&answers(Reply::status(404).with("X-Error-Code", "RevisionNotFound"), false), &["no revision main", "404", "weights.json"]);
    has(&answers(Reply::status(404).with("X-Error-Code", "EntryNotFound"), false), &["sub/a.safetensors", "404"]);
    has(&answers(Reply::status(418), false), &["418", "HF_ENDPOINT"]);
    has(&answers(Reply::page(), false), &["web page", "log"]);
}

#[test]
fn an_overloaded_server_is_asked_again_after_the_time_it_names_but_not_for_ever() {
    let whole = file();
    let (served, described) = (whole.clone(), whole.clone());
    let store = Server::new(move |r, n| if n == 0 { Reply::status(503).with("Retry-After", "1") } else { deliver(r, &served) });
    let address = store.address.clone();
    let hub =
        Server::new(move |r, n| if n == 0 { Reply::status(429).with("Retry-After", "0") } else { send_to(&address, &r.path, &described) });
    let b = Bench::knowing(&hub.address, &whole);
    let began = Instant::now();
    let all = b.gets();
    assert!(began.elapsed() >= Duration::from_secs(1), "it did not wait as it was asked to");
    assert!(of_kind(&all, "note").iter().any(|n| n["text"].as_str().unwrap().contains("503")));
    assert!(b.has(&whole));

    let hub = Server::new(|_, _| Reply::status(429).with("Retry-After", "3600"));
    let b = Bench::knowing(&hub.address, &whole);
    let text = b.get_fails();
    assert!(text.contains("429") && text.contains("3600 s"), "{text}");
    assert_eq!(hub.asked().len(), 1);
}

#[test]
fn a_connection_that_is_cut_again_and_again_goes_on_each_time() {
    let whole = file();
    let served = whole.clone();
    let (hub, store) = hub_of(&whole, move |r, _| Reply { cut: Some(200_000), ..deliver(r, &served) });
    let b = Bench::knowing(&hub.address, &whole);
    b.gets();
    assert!(b.has(&whole));
    let ranges: Vec<_> = store.asked().iter().map(|r| (r.from(), r.header("if-range").map(str::to_owned))).collect();
    let tag = Some(format!("\"{}\"", sha256(&whole)));
    assert_eq!(ranges[..3], [(None, None), (Some(200_000), tag.clone()), (Some(400_000), tag)]);
}

#[test]
fn a_download_that_was_given_up_is_continued_by_the_next_command() {
    let whole = file();
    let served = whole.clone();
    // Half of it, then nothing ever again until the second command comes with its seventh request.
    let (hub, store) = hub_of(&whole, move |r, n| match n {
        0 => Reply { cut: Some(500_000), ..deliver(r, &served) },
        1..=5 => Reply { cut: Some(0), ..deliver(r, &served) },
        _ => deliver(r, &served),
    });
    let b = Bench::knowing(&hub.address, &whole);
    let text = b.get_fails();
    assert!(text.contains("cut") && text.contains("500.0 kB of 900.0 kB") && text.contains("goes on from where it stopped"), "{text}");
    assert_eq!(std::fs::metadata(b.path(PART)).unwrap().len(), 500_000);
    let list = b.run(&["list", "tiny", "--json"]);
    let row = events(&list).pop().unwrap();
    assert_eq!((&row["state"], row["have"].as_u64() > Some(499_999)), (&json!("partial"), true));
    let resolve = b.run(&["path", "tiny"]);
    assert!(said(&resolve).contains("pickup weights get tiny"), "{}", said(&resolve));

    let before = store.asked().len();
    while store.asked().len() < 6 {
        // The command may have given up before the counted answers were used: use them up.
        let _ = b.get();
    }
    b.gets();
    assert!(b.has(&whole));
    assert!(store.asked()[before..].iter().all(|r| r.from() == Some(500_000)), "what was there was fetched again");
}

#[test]
fn a_part_that_was_damaged_meanwhile_does_not_become_weights() {
    let whole = file();
    let served = whole.clone();
    let (hub, _store) =
        hub_of(&whole, move |r, n| if n == 0 { Reply { cut: Some(500_000), ..deliver(r, &served) } } else { deliver(r, &served) });
    let b = Bench::knowing(&hub.address, &whole);
    // Ended from outside while it waits to go on: the part stays as it is.
    std::fs::create_dir_all(b.path("tiny/sub")).unwrap();
    let mut part = whole[..500_000].to_vec();
    part[1234] ^= 1;
    std::fs::write(b.path(PART), part).unwrap();
    let about = json!({"from": "x", "size": LENGTH, "sha256": sha256(&whole), "etag": format!("\"{}\"", sha256(&whole))});
    std::fs::write(b.path("tiny/sub/a.safetensors.part.json"), about.to_string()).unwrap();
    let text = b.get_fails();
    assert!(text.contains("SHA-256") && text.contains("removed") && text.contains(&sha256(&whole)), "{text}");
    b.gets();
    assert!(b.has(&whole), "the next run fetches it from the start");
}

#[test]
fn a_stalled_connection_is_given_up_and_gone_on_with() {
    let whole = file();
    let served = whole.clone();
    let (hub, _store) = hub_of(&whole, move |r, n| {
        let reply = deliver(r, &served);
        if n == 0 { Reply { hang: Some(300_000), ..reply } } else { reply }
    });
    let b = Bench::knowing(&hub.address, &whole);
    let all = b.gets();
    assert!(of_kind(&all, "note").iter().any(|n| n["text"].as_str().unwrap().contains("nothing more came")), "{all:?}");
    assert!(b.has(&whole));
}

#[test]
fn a_wrong_hash_and_a_wrong_size_never_become_weights() {
    let whole = file();
    let mut other = whole.clone();
    other[LENGTH / 2] ^= 1;
    let (hub, _store) = hub_of(&whole, move |_, _| Reply { body: other.clone(), ..Reply::status(200) });
    let text = Bench::knowing(&hub.address, &whole).get_fails();
    assert!(text.contains("damaged") && text.contains(&sha256(&whole)), "{text}");

    let (hub, _store) = hub_of(&whole, |_, _| Reply { body: bytes(LENGTH - 5, 7), ..Reply::status(200) });
    let text = Bench::knowing(&hub.address, &whole).get_fails();
    assert!(text.contains("899995 bytes") && text.contains("900000"), "{text}");

    // More than was announced.
    let (hub, _store) = hub_of(&whole, |_, _| {
        let body = bytes(LENGTH + 5, 7);
        let mut chunked = format!("{:x}\r\n", body.len()).into_bytes();
        chunked.extend(body);
        chunked.extend(b"\r\n0\r\n\r\n");
        Reply { body: chunked, ..Reply::status(200) }.with("Transfer-Encoding", "chunked")
    });
    let text = Bench::knowing(&hub.address, &whole).get_fails();
    assert!(text.contains("900000 were expected"), "{text}");

    // Another file than the table knows: nothing is fetched at all.
    let newer = bytes(LENGTH, 8);
    let (hub, store) = hub_of(&newer, |_, _| Reply::status(500));
    let text = Bench::knowing(&hub.address, &whole).get_fails();
    assert!(text.contains("another file") && text.contains(&sha256(&newer)), "{text}");
    assert!(store.asked().is_empty());
}

#[test]
fn a_server_without_ranges_is_borne_with() {
    let whole = file();
    for refuses in [false, true] {
        let served = whole.clone();
        let (hub, store) = hub_of(&whole, move |r, n| match (n, r.from()) {
            (0, _) => Reply { cut: Some(300_000), body: served.clone(), ..Reply::status(200) },
            (_, Some(_)) if refuses => Reply::status(416),
            _ => Reply { body: served.clone(), ..Reply::status(200) },
        });
        let b = Bench::knowing(&hub.address, &whole);
        let all = b.gets();
        assert!(b.has(&whole));
        assert_eq!(store.asked()[1].from(), Some(300_000));
        let word = if refuses { "416" } else { "from its start" };
        assert!(of_kind(&all, "note").iter().any(|n| n["text"].as_str().unwrap().contains(word)), "{all:?}");
    }
}

#[test]
fn a_page_from_a_hotel_is_no_model() {
    let whole = file();
    let (hub, _store) = hub_of(&whole, |_, _| Reply::page());
    let text = Bench::knowing(&hub.address, &whole).get_fails();
    assert!(text.contains("web page") && text.contains("log in"), "{text}");
    // One that does not say what it is.
    let page = Reply { headers: Vec::new(), ..Reply::page() };
    let hub = Server::new(move |_, _| page.clone());
    let b = Bench::new(&hub.address, None, None);
    assert!(b.get_fails().contains("web page"));
}

#[test]
fn what_the_table_does_not_know_is_taken_from_the_server_and_written_down() {
    let whole = file();
    let served = whole.clone();
    let (hub, _store) = hub_of(&whole, move |r, _| deliver(r, &served));
    let b = Bench::new(&hub.address, None, None);
    b.gets();
    let record: Value = serde_json::from_slice(&std::fs::read(b.path("tiny/pickup-weights.json")).unwrap()).unwrap();
    let kept = &record["files"]["sub/a.safetensors"];
    assert_eq!((&kept["size"], &kept["sha256"], &kept["confirmed"]), (&json!(LENGTH), &json!(sha256(&whole)), &json!(true)));
    assert!(b.run(&["verify", "tiny"]).status.success());

    // A small file, delivered by the hub itself without a hash.
    let hub = Server::new(|_, _| {
        Reply { body: b"{\"a\": 1}".to_vec(), ..Reply::status(200) }.with("X-Repo-Commit", COMMIT).with("ETag", "\"abc\"")
    });
    let b = Bench::new(&hub.address, None, None);
    let all = b.gets();
    assert!(of_kind(&all, "note").iter().any(|n| n["text"].as_str().unwrap().contains("only its length")));
    let record: Value = serde_json::from_slice(&std::fs::read(b.path("tiny/pickup-weights.json")).unwrap()).unwrap();
    assert_eq!(
        (&record["files"]["sub/a.safetensors"]["sha256"], &record["files"]["sub/a.safetensors"]["confirmed"]),
        (&json!(sha256(b"{\"a\": 1}")), &json!(false))
    );
}

#[test]
fn a_disk_without_room_is_told_before_and_while_it_fills_up() {
    let whole = file();
    let served = whole.clone();
    let store = Server::new(move |r, _| deliver(r, &served));
    let address = store.address.clone();
    let hub = Server::new(move |r, _| {
        Reply::status(302).with("Location", format!("{address}{}", r.path)).with("X-Linked-Size", 4_000_000_000_000_000u64)
    });
    let b = Bench::new(&hub.address, Some(4_000_000_000_000_000), None);
    let text = b.get_fails();
    assert!(text.contains("needs 4000.0 TB more") && text.contains("free"), "{text}");
    assert!(store.asked().is_empty());

    // A limit of the system in the midst of it: what came stays, and goes on once there is room.
    let served = whole.clone();
    let (hub, store) = hub_of(&whole, move |r, _| deliver(r, &served));
    let b = Bench::knowing(&hub.address, &whole);
    let inner = b.command(&["get", "tiny", "--accept-licence", "tiny-licence", "--json"]);
    let mut c = Command::new("sh");
    c.args(["-c", "trap '' XFSZ; ulimit -f 1000; exec \"$0\" \"$@\""]).arg(inner.get_program()).args(inner.get_args());
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => c.env(name, value),
            None => c.env_remove(name),
        };
    }
    let out = c.current_dir(b.scratch.path("")).output().unwrap();
    assert_eq!(out.status.code(), Some(1), "{}", said(&out));
    assert!(said(&out).contains("a.safetensors.part cannot be written") && said(&out).contains("no file so large"), "{}", said(&out));
    let kept = std::fs::metadata(b.path(PART)).unwrap().len();
    assert!(kept > 0 && kept <= 512_000, "{kept}");
    b.gets();
    assert!(b.has(&whole));
    assert_eq!(store.asked().last().unwrap().from(), Some(kept as usize));
}

#[test]
fn without_a_network_or_with_a_wrong_address_it_says_so() {
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let text = Bench::knowing(&closed, &file()).get_fails();
    assert!(text.contains("no connection") && text.contains("network"), "{text}");

    for wrong in ["http://hub.example", "ftp://hub.example", "nonsense", "https://hub.example@evil.example"] {
        let b = Bench::knowing(wrong, &file());
        let out = b.get();
        assert_eq!(out.status.code(), Some(2), "{wrong}: {}", said(&out));
        assert!(said(&out).contains("HF_ENDPOINT"), "{wrong}");
    }
    // A way that leads out of this machine without encryption is not gone.
    let hub = Server::new(|_, _| Reply::status(302).with("Location", "http://store.example/a"));
    let text = Bench::knowing(&hub.address, &file()).get_fails();
    assert!(text.contains("store.example") && text.contains("without encryption"), "{text}");
}

#[test]
fn a_proxy_is_taken_from_the_environment() {
    let proxy = Server::new(|_, _| Reply::status(502));
    let b = Bench::knowing("https://hub.example", &file());
    let mut c = b.command(&["get", "tiny", "--accept-licence", "tiny-licence"]);
    let out = c.env("HTTPS_PROXY", &proxy.address).env("HF_TOKEN", "hf_secret").output().unwrap();
    assert_eq!(out.status.code(), Some(1));
    assert!(said(&out).contains("proxy"), "{}", said(&out));
    let asked = proxy.asked();
    assert_eq!((asked[0].method.as_str(), asked[0].path.as_str()), ("CONNECT", "hub.example:443"));
    assert!(asked.iter().all(|r| r.header("authorization").is_none()), "the login is for the hub, inside the tunnel");
}

#[cfg(unix)]
#[test]
fn stopping_keeps_what_came() {
    let whole = file();
    let served = whole.clone();
    let (hub, store) = hub_of(&whole, move |r, n| Reply { slow: n == 0, ..deliver(r, &served) });
    let b = Bench::knowing(&hub.address, &whole);
    let mut c = b.command(&["get", "tiny", "--accept-licence", "tiny-licence", "--json"]);
    let child = c.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let part = b.path(PART);
    let began = Instant::now();
    while std::fs::metadata(&part).map_or(0, |m| m.len()) == 0 {
        assert!(began.elapsed() < Duration::from_secs(10), "nothing came");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let stopped = Instant::now();
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(130), "{}", said(&out));
    assert!(stopped.elapsed() < Duration::from_secs(2), "it took {:?} to stop", stopped.elapsed());
    assert!(said(&out).contains("stopped with") && said(&out).contains("goes on from there"), "{}", said(&out));
    let kept = std::fs::metadata(&part).unwrap().len() as usize;
    b.gets();
    assert!(b.has(&whole));
    assert_eq!(store.asked().last().unwrap().from(), Some(kept));
}

#[test]
fn the_same_file_is_neither_fetched_nor_kept_twice() {
    let whole = file();
    let served = whole.clone();
    let (hub, store) = hub_of(&whole, move |r, _| deliver(r, &served));
    let b = Bench::knowing(&hub.address, &whole);
    b.gets();
    let asked = (hub.asked().len(), store.asked().len());
    let out = b.run(&["get", "twin", "--accept-licence", "tiny-licence", "--json"]);
    assert!(out.status.success(), "{}", said(&out));
    assert_eq!(of_kind(&events(&out), "file")[0]["how"], "linked");
    assert_eq!((hub.asked().len(), store.asked().len()), asked);
    assert!(b.run(&["rm", "tiny", "--yes"]).status.success());
    assert_eq!(std::fs::read(b.path("twin/sub/a.safetensors")).unwrap(), whole, "removing one took the other's file");
}

#[test]
fn damage_is_found_named_and_mended() {
    let whole = file();
    let served = whole.clone();
    let (hub, _store) = hub_of(&whole, move |r, _| deliver(r, &served));
    let b = Bench::knowing(&hub.address, &whole);
    let out = b.run(&["verify", "tiny"]);
    assert!(out.status.code() == Some(1) && said(&out).contains("pickup weights get tiny"), "{}", said(&out));
    b.gets();
    let out = b.run(&["verify", "tiny", "--json"]);
    assert!(out.status.success());
    assert_eq!(of_kind(&events(&out), "checked")[0]["state"], "whole");

    let mut damaged = whole.clone();
    damaged[100] ^= 4;
    std::fs::write(b.path(WHOLE), damaged).unwrap();
    let out = b.run(&["verify", "tiny", "--json"]);
    assert_eq!(out.status.code(), Some(1));
    assert_eq!(of_kind(&events(&out), "checked")[0]["state"], "damaged");
    assert!(said(&out).contains("a.safetensors is damaged"), "{}", said(&out));
    assert_eq!(b.run(&["path", "tiny"]).status.code(), Some(1), "damaged weights are not used");
    b.gets();
    assert!(b.has(&whole));

    std::fs::write(b.path(WHOLE), &whole[1..]).unwrap();
    assert!(said(&b.run(&["verify", "tiny"])).contains("899999 bytes instead of 900000"));
    std::fs::remove_file(b.path(WHOLE)).unwrap();
    assert!(said(&b.run(&["verify", "tiny"])).contains("a.safetensors is missing"));
}

#[test]
fn files_that_were_copied_there_by_hand_are_hashed_and_kept() {
    let whole = file();
    let hub = Server::new(|_, _| Reply::status(500));
    let b = Bench::knowing(&hub.address, &whole);
    std::fs::create_dir_all(b.path("tiny/sub")).unwrap();
    std::fs::write(b.path(WHOLE), &whole).unwrap();
    let all = b.gets();
    assert_eq!(of_kind(&all, "file")[0]["how"], "kept");
    assert!(hub.asked().is_empty());
}

#[test]
fn the_list_says_what_there_is_and_what_is_here() {
    let b = Bench::knowing("https://hub.example", &file());
    std::fs::create_dir_all(b.path("mine-q8")).unwrap();
    std::fs::write(b.path("mine-q8/x.gguf"), "12345").unwrap();
    let out = b.run(&["list"]);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    for (name, facts) in [
        ("ltx-2.5-distilled", vec!["missing", "72.6 GB", "2.5", "ltx-2.x-community*"]),
        ("ltx-2-19b-dev", vec!["> 24.4 GB"]),
        ("tiny ", vec!["900.0 kB"]),
        ("mine-q8", vec!["own", "5 bytes"]),
    ] {
        let line = text.lines().find(|l| l.starts_with(name)).unwrap_or_else(|| panic!("{name} in {text}"));
        facts.iter().for_each(|f| assert!(line.contains(f), "{f} in {line}"));
    }
    let rows = events(&b.run(&["list", "--json"]));
    let row = rows.iter().find(|r| r["name"] == "ltx-2.3-dev").unwrap();
    assert_eq!(row["licences"].as_array().unwrap().len(), 2);
    assert_eq!(row["folder"], json!(b.path("ltx-2.3-dev")));
    let out = b.run(&["verify", "mine-q8"]);
    assert!(out.status.code() == Some(1) && said(&out).contains("nothing is recorded of mine-q8"), "{}", said(&out));
    let out = b.run(&["list", "ltx-9"]);
    assert!(out.status.code() == Some(2) && said(&out).contains("ltx-9"));

    std::fs::write(b.path("weights.json"), "{").unwrap();
    let out = b.run(&["list"]);
    assert!(out.status.code() == Some(1) && said(&out).contains("weights.json"), "{}", said(&out));
}

#[test]
fn removing_asks_and_stays_inside_the_folder() {
    let b = Bench::knowing("https://hub.example", &file());
    let mine = b.path("mine");
    std::fs::create_dir_all(&mine).unwrap();
    std::fs::write(mine.join("x.safetensors"), "12345").unwrap();
    let out = b.run(&["rm", "mine"]);
    assert!(out.status.code() == Some(2) && said(&out).contains("--yes") && mine.exists());
    std::fs::create_dir(b.scratch.path("film")).unwrap();
    for outside in ["../film", "..", ".", b.scratch.path("film").to_str().unwrap()] {
        let out = b.run(&["rm", outside, "--yes"]);
        assert_eq!(out.status.code(), Some(2), "{outside}");
    }
    assert!(b.scratch.path("film").exists());
    assert!(b.run(&["rm", "mine", "--yes"]).status.success());
    assert!(!mine.exists());
    assert!(said(&b.run(&["rm", "mine", "--yes"])).contains("nothing called mine"));
}

/// A safetensors file of f32 tensors that look like nothing.
fn safetensors(tensors: &[(&str, &[usize])]) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    header.insert("__metadata__".into(), json!({"model_version": "2.3.0", "config": "{}"}));
    let mut data: Vec<u8> = Vec::new();
    for (name, shape) in tensors {
        let start = data.len();
        let count = shape.iter().product();
        data.extend(bytes(count, start as u32).iter().flat_map(|b| (f32::from(*b) / 128.0 - 1.0).to_le_bytes()));
        header.insert((*name).into(), json!({"dtype": "F32", "shape": shape, "data_offsets": [start, data.len()]}));
    }
    let header = Value::Object(header).to_string();
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat()
}

#[test]
fn smaller_weights_are_made_beside_the_ones_they_are_made_from() {
    let b = Bench::knowing("https://hub.example", &file());
    let source = b.path("mine");
    std::fs::create_dir_all(source.join("text_encoder")).unwrap();
    let put = |name: &str, tensors: &[(&str, &[usize])]| std::fs::write(source.join(name), safetensors(tensors)).unwrap();
    put(
        "big.safetensors",
        &[
            ("model.diffusion_model.transformer_blocks.0.attn1.to_q.weight", &[64, 256]),
            ("model.diffusion_model.proj_out.weight", &[8, 64]),
        ],
    );
    put("text_encoder/model-00001-of-00002.safetensors", &[("language_model.model.layers.0.mlp.up_proj.weight", &[32, 256])]);
    put("text_encoder/model-00002-of-00002.safetensors", &[("language_model.model.layers.1.mlp.up_proj.weight", &[32, 256])]);
    put("vae.safetensors", &[("vae.decoder.conv_in.weight", &[4, 4])]);
    put("look.safetensors", &[("diffusion_model.transformer_blocks.0.attn1.to_q.lora_A.weight", &[4, 256])]);
    std::fs::write(source.join("text_encoder/model.safetensors.index.json"), "{}").unwrap();
    std::fs::write(source.join("text_encoder/tokenizer.json"), "{}").unwrap();

    let out = b.run(&["quantise", "mine", "--to", "q8_0", "--json"]);
    assert!(out.status.success(), "{}", said(&out));
    let all = events(&out);
    let made: Vec<_> =
        of_kind(&all, "quantised").into_iter().map(|e| (e["file"].as_str().unwrap(), e["quantised"].as_u64().unwrap())).collect();
    assert_eq!(made, [("big-q8_0.gguf", 1), ("text_encoder/model-q8_0.gguf", 2)]);
    assert!(of_kind(&all, "quantised").iter().all(|e| e["error"].as_f64().unwrap() < 0.01 && e["after"].as_u64() < e["before"].as_u64()));
    let new = b.path("mine-q8_0");
    assert_eq!(&std::fs::read(new.join("big-q8_0.gguf")).unwrap()[..4], b"GGUF");
    for same in ["vae.safetensors", "look.safetensors", "text_encoder/tokenizer.json"] {
        assert_eq!(std::fs::read(new.join(same)).unwrap(), std::fs::read(source.join(same)).unwrap(), "{same}");
    }
    assert!(!new.join("big.safetensors").exists() && !new.join("text_encoder/model.safetensors.index.json").exists());
    assert!(source.join("big.safetensors").exists());
    assert!(b.run(&["verify", "mine-q8_0"]).status.success());
    assert_eq!(String::from_utf8_lossy(&b.run(&["path", "mine-q8_0"]).stdout).trim(), new.to_str().unwrap());

    let again = b.run(&["quantise", "mine", "--to", "q8_0"]);
    assert!(again.status.code() == Some(2) && said(&again).contains("taken already"), "{}", said(&again));
    assert!(b.run(&["quantise", "mine", "--to", "q4_k", "--as", "mine-small"]).status.success());
    let size = |name: &str| std::fs::metadata(b.path(name)).unwrap().len();
    assert!(size("mine-small/big-q4_k.gguf") < size("mine-q8_0/big-q8_0.gguf"));

    // What cannot be read is named, and nothing is left behind.
    std::fs::write(source.join("torn.safetensors"), [1, 2, 3]).unwrap();
    let torn = b.run(&["quantise", "mine", "--to", "q6_k"]);
    assert!(torn.status.code() == Some(1) && said(&torn).contains("torn.safetensors"), "{}", said(&torn));
    let left: Vec<_> = std::fs::read_dir(b.path(""))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|n| n.contains("making") || n.contains("q6_k"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
