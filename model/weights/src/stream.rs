//! One request on a thread of its own, so that a stop is heard at once whatever the network does: the answer's head, then its
//! bytes, through a short queue.

use std::io::Read;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use ureq::http::{HeaderMap, Uri};
use ureq::{Body, Error};

use crate::hub::{Hub, Origin};

/// Bytes handed over at a time.
const CHUNK: usize = 256 << 10;

/// Chunks that wait for the disk.
const QUEUE: usize = 8;

/// The hub sends to its store in one step; renamed repositories take one more.
const MOST_STEPS: usize = 6;

/// How often a stop is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// What is asked.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Where.
    pub address: String,
    /// Only what the hub itself says about the file, not the file.
    pub head_only: bool,
    /// Bytes from here on, and only if the file still has this entity tag.
    pub from: Option<(u64, Option<String>)>,
}

/// The head of the last answer on the way.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// The status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// What the hub itself said on the way: size, hash and commit of the file, whoever delivers it.
    pub hub: HeaderMap,
    /// The host that answered.
    pub host: String,
}

impl Head {
    /// A header as text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }

    /// A header of the hub's own answer as text.
    pub fn of_hub(&self, name: &str) -> Option<&str> {
        self.hub.get(name).and_then(|v| v.to_str().ok())
    }

    /// The length that was announced for the body.
    pub fn length(&self) -> Option<u64> {
        self.get("content-length").and_then(|v| v.trim().parse().ok())
    }
}

/// Why nothing more comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The host was not reached at all: no network, no such name, no connection, no trust.
    Unreachable(String),
    /// The proxy did not let it through.
    Proxy(String),
    /// Nothing came for too long.
    Stalled,
    /// The connection ended early.
    Cut(String),
    /// The way led somewhere it must not.
    Astray(String),
}

enum Message {
    Head(Box<Head>),
    Bytes(Vec<u8>),
    End,
    Lost(Lost),
}

/// What comes next.
#[derive(Debug)]
pub enum Next {
    /// Bytes of the body.
    Bytes(Vec<u8>),
    /// Nothing more, as announced.
    End,
    /// Nothing more, against what was announced.
    Lost(Lost),
    /// Somebody asked to stop.
    Stopped,
}

/// A request that is under way. Dropped, its thread ends with the next byte or the end of its patience.
pub struct Stream {
    messages: Receiver<Message>,
}

impl Stream {
    /// Sends a request.
    pub fn open(hub: &Hub, ask: Ask) -> Self {
        let (sender, messages) = sync_channel(QUEUE);
        let hub = hub.clone();
        let run = move || {
            if let Err(lost) = request(&hub, &ask, &sender) {
                let _ = sender.send(Message::Lost(lost));
            }
        };
        if let Err(e) = std::thread::Builder::new().name("weights-network".to_owned()).spawn(run) {
            log::warn!("no thread for a request: {e}");
        }
        Self { messages }
    }

    /// The answer's head.
    pub fn head(&self, stop: &dyn Fn() -> bool) -> Result<Option<Box<Head>>, Lost> {
        match self.message(stop) {
            Some(Message::Head(head)) => Ok(Some(head)),
            Some(Message::Lost(lost)) => Err(lost),
            Some(_) => Err(Lost::Cut("the answer had no head".to_owned())),
            None => Ok(None),
        }
    }

    /// The next bytes.
    pub fn next(&self, stop: &dyn Fn() -> bool) -> Next {
        match self.message(stop) {
            Some(Message::Bytes(bytes)) => Next::Bytes(bytes),
            Some(Message::End) => Next::End,
            Some(Message::Lost(lost)) => Next::Lost(lost),
            Some(Message::Head(_)) => Next::Lost(Lost::Cut("the answer had two heads".to_owned())),
            None => Next::Stopped,
        }
    }

    fn message(&self, stop: &dyn Fn() -> bool) -> Option<Message> {
        loop {
            if stop() {
                return None;
            }
            match self.messages.recv_timeout(LOOK) {
                Ok(message) => return Some(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Some(Message::Lost(Lost::Cut("the request ended by itself".to_owned()))),
            }
        }
    }
}

/// The way from the hub to whoever has the bytes, step by step: the login goes to the hub alone, and no step leads to an
/// unencrypted host elsewhere.
fn request(hub: &Hub, ask: &Ask, sender: &SyncSender<Message>) -> Result<(), Lost> {
    let astray = |what: &str| Lost::Astray(what.to_owned());
    let mut uri: Uri = ask.address.parse().map_err(|_| astray("the address is malformed"))?;
    let mut head = Head::default();
    for _ in 0..MOST_STEPS {
        let origin = Origin::of(&uri).ok_or_else(|| astray("it leads to an address that cannot be asked"))?;
        // A hub elsewhere has no business on this machine's own ports.
        if !(origin.is_https || origin.is_loopback() && hub.is_loopback()) {
            return Err(Lost::Astray(format!("it leads to {} without encryption", origin.host)));
        }
        let response = send(hub, ask, &uri, &origin)?;
        head.status = response.status().as_u16();
        head.host.clone_from(&origin.host);
        head.headers = response.headers().clone();
        if hub.is(&origin) {
            for (name, value) in &head.headers {
                head.hub.insert(name.clone(), value.clone());
            }
        }
        let location = matches!(head.status, 301 | 302 | 303 | 307 | 308).then(|| head.get("location").map(str::to_owned)).flatten();
        // The hub has said all that is asked for; where the bytes lie does not matter.
        let is_enough = ask.head_only && head.of_hub("x-linked-size").is_some();
        match location {
            Some(location) if !is_enough => uri = join(&uri, &location).ok_or_else(|| astray("it leads to a malformed address"))?,
            _ => {
                let body = (!ask.head_only && matches!(head.status, 200 | 206)).then(|| response.into_body());
                if sender.send(Message::Head(Box::new(head))).is_err() {
                    return Ok(());
                }
                return body.map_or(Ok(()), |b| pass_on(b, sender));
            }
        }
    }
    Err(astray("it leads from one address to the next without an end"))
}

fn send(hub: &Hub, ask: &Ask, uri: &Uri, origin: &Origin) -> Result<ureq::http::Response<Body>, Lost> {
    let mut request = if ask.head_only { hub.agent().head(uri) } else { hub.agent().get(uri) };
    if let Some(token) = hub.token_for(origin) {
        request = request.header("authorization", token.header());
    }
    if let Some((from, tag)) = &ask.from {
        request = request.header("range", format!("bytes={from}-"));
        if let Some(tag) = tag {
            request = request.header("if-range", tag);
        }
    }
    request.call().map_err(|e| lost(e, &origin.host))
}

fn pass_on(body: Body, sender: &SyncSender<Message>) -> Result<(), Lost> {
    let mut reader = body.into_with_config().limit(u64::MAX).reader();
    loop {
        let mut chunk = vec![0; CHUNK];
        let mut filled = 0;
        let mut ended = false;
        let began = Instant::now();
        // A slow line hands over what it has, so that little is lost when it stops.
        while filled < CHUNK && !ended && (filled == 0 || began.elapsed() < LOOK) {
            match reader.read(&mut chunk[filled..]) {
                Ok(0) => ended = true,
                Ok(n) => filled += n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => {
                    // What came before the fault is kept: it need not be fetched again.
                    chunk.truncate(filled);
                    let _ = sender.send(Message::Bytes(chunk));
                    return Err(lost(Error::from(e), "the server"));
                }
            }
        }
        chunk.truncate(filled);
        if filled > 0 && sender.send(Message::Bytes(chunk)).is_err() {
            return Ok(());
        }
        if ended {
            let _ = sender.send(Message::End);
            return Ok(());
        }
    }
}

fn lost(error: Error, host: &str) -> Lost {
    match error {
        Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect) => Lost::Unreachable(format!("{host} did not answer in time")),
        Error::Timeout(_) | Error::BodyStalled => Lost::Stalled,
        Error::HostNotFound => Lost::Unreachable(format!("the name {host} is not known here")),
        Error::ConnectionFailed => Lost::Unreachable(format!("{host} cannot be reached")),
        Error::ConnectProxyFailed(why) => Lost::Proxy(why),
        Error::InvalidProxyUrl => Lost::Proxy("its address is malformed".to_owned()),
        Error::Io(e) => io_lost(&e, host),
        Error::Tls(why) => Lost::Unreachable(format!("no trusted connection to {host} ({why})")),
        Error::Rustls(e) => Lost::Unreachable(format!("no trusted connection to {host} ({e})")),
        other => Lost::Cut(other.to_string()),
    }
}

fn io_lost(e: &std::io::Error, host: &str) -> Lost {
    use std::io::ErrorKind as K;
    // A timeout of the HTTP layer travels inside an I/O error while a body is read.
    if let Some(inner) = e.get_ref().and_then(|i| i.downcast_ref::<Error>())
        && matches!(inner, Error::Timeout(_) | Error::BodyStalled)
    {
        return Lost::Stalled;
    }
    match e.kind() {
        K::TimedOut | K::WouldBlock => Lost::Stalled,
        K::ConnectionRefused | K::HostUnreachable | K::NetworkUnreachable | K::NetworkDown | K::AddrNotAvailable | K::NotFound => {
            Lost::Unreachable(format!("{host} cannot be reached: {e}"))
        }
        K::InvalidData => Lost::Unreachable(format!("no trusted connection to {host} ({e})")),
        _ => Lost::Cut(e.to_string()),
    }
}

/// Where a `Location` leads from an address: a whole address, or a path on the same host.
fn join(from: &Uri, location: &str) -> Option<Uri> {
    if location.starts_with('/') && !location.starts_with("//") {
        return format!("{}://{}{location}", from.scheme_str()?, from.authority()?).parse().ok();
    }
    location.parse::<Uri>().ok().filter(|u| u.scheme().is_some())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_location_is_an_address_or_a_path() {
        let from: Uri = "https://hub.example:8443/a/b?c=1".parse().unwrap();
        let go = |to: &str| join(&from, to).map(|u| u.to_string());
        assert_eq!(go("/x/y?z=1").as_deref(), Some("https://hub.example:8443/x/y?z=1"));
        assert_eq!(go("https://cdn.example/x?sig=a%2Fb").as_deref(), Some("https://cdn.example/x?sig=a%2Fb"));
        assert_eq!(go("//evil.example/x"), None);
        assert_eq!(go("relative"), None);
    }
}
