//! A model hub on this machine that behaves as a test wants: it redirects to a store on another port as the real one does, and
//! every answer can be replaced by a bad one.
#![allow(clippy::unwrap_used, dead_code)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest, Sha256};

/// The commit that the hub says its files belong to.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The first byte that is asked for.
    pub fn from(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// What is answered.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Close the connection after so many bytes of the body.
    pub cut: Option<usize>,
    /// Keep silent after so many bytes of the body.
    pub hang: Option<usize>,
    /// Send the body slowly.
    pub slow: bool,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    pub fn page() -> Self {
        Self { body: b"<!DOCTYPE html><html><body>Welcome to the hotel</body></html>".to_vec(), ..Self::status(200) }
            .with("Content-Type", "text/html")
    }
}

type Behaviour = dyn Fn(&Request, usize) -> Reply + Send + Sync;

/// A server; it ends with the test's process.
pub struct Server {
    pub address: String,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Answers each request as `behaviour` says, which also gets how many came before.
    pub fn new(behaviour: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let behaviour: Arc<Behaviour> = Arc::new(behaviour);
        let log = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (behaviour, log) = (behaviour.clone(), log.clone());
                std::thread::spawn(move || answer(stream, &*behaviour, &log));
            }
        });
        Self { address, asked }
    }

    /// Every request so far.
    pub fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(mut stream: TcpStream, behaviour: &Behaviour, log: &Mutex<Vec<Request>>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        head.push(byte[0]);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let mut lines = text.split("\r\n");
    let mut first = lines.next().unwrap().split(' ');
    let (method, path) = (first.next().unwrap().to_owned(), first.next().unwrap().to_owned());
    let headers = lines.filter_map(|l| l.split_once(": ")).map(|(n, v)| (n.to_lowercase(), v.to_owned())).collect();
    let request = Request { method, path, headers };
    let before = {
        let mut log = log.lock().unwrap();
        log.push(request.clone());
        log.len() - 1
    };
    let reply = behaviour(&request, before);
    let mut out = format!("HTTP/1.1 {} X\r\nConnection: close\r\n", reply.status);
    if !reply.headers.iter().any(|(n, _)| n == "Content-Length" || n == "Transfer-Encoding") {
        out += &format!("Content-Length: {}\r\n", reply.body.len());
    }
    for (name, value) in &reply.headers {
        out += &format!("{name}: {value}\r\n");
    }
    let _ = stream.write_all(format!("{out}\r\n").as_bytes());
    if request.method == "HEAD" {
        return;
    }
    let end = reply.cut.or(reply.hang).unwrap_or(reply.body.len()).min(reply.body.len());
    for block in reply.body[..end].chunks(16 << 10) {
        if stream.write_all(block).is_err() {
            return;
        }
        if reply.slow {
            std::thread::sleep(Duration::from_millis(40));
        }
    }
    let _ = stream.flush();
    if reply.hang.is_some() {
        std::thread::sleep(Duration::from_secs(4));
    }
}

/// Bytes that look like nothing.
pub fn bytes(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// A SHA-256 in lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// A store of files as it should be: whole files, and ranges of them while the entity tag holds.
pub fn deliver(request: &Request, file: &[u8]) -> Reply {
    let tag = format!("\"{}\"", sha256(file));
    let still_same = request.header("if-range").is_none_or(|t| t == tag);
    match request.from().filter(|_| still_same) {
        Some(from) if from >= file.len() => Reply::status(416).with("Content-Range", format!("bytes */{}", file.len())),
        Some(from) => Reply { body: file[from..].to_vec(), ..Reply::status(206) }
            .with("Content-Range", format!("bytes {from}-{}/{}", file.len() - 1, file.len()))
            .with("ETag", tag),
        None => Reply { body: file.to_vec(), ..Reply::status(200) }.with("ETag", tag),
    }
}

/// What the hub says of a large file: who has it, how long it is, its hash.
pub fn send_to(store: &str, path: &str, file: &[u8]) -> Reply {
    Reply::status(302)
        .with("Location", format!("{store}{path}?signature=a%2Fb"))
        .with("X-Linked-Size", file.len())
        .with("X-Linked-Etag", format!("\"{}\"", sha256(file)))
        .with("X-Repo-Commit", COMMIT)
}
