//! The model hub as this user's environment sets it: address, login, proxy, patience.

use std::env;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use shot::{Code, Fault};
use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use crate::durable;
use crate::table::{Source, is_name};

/// The hub that is asked when nobody says.
const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

/// Seconds without a byte until a connection counts as dead.
const PATIENCE: u64 = 30;

/// No token is longer.
const MOST_TOKEN_BYTES: u64 = 4096;

/// A login. It is never printed: it has no `Debug` and no `Display`.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// The header that carries it.
    pub fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

/// The model hub.
#[derive(Clone)]
pub struct Hub {
    endpoint: String,
    origin: Origin,
    token: Option<Token>,
    agent: Agent,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("endpoint", &self.endpoint).field("token", &self.token.is_some()).finish_non_exhaustive()
    }
}

/// Scheme, host and port: who is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Whether the connection is encrypted.
    pub is_https: bool,
    /// The host in lower case.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Origin {
    /// Who an address belongs to; `None` for addresses that cannot be asked.
    pub fn of(uri: &Uri) -> Option<Self> {
        let is_https = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        // A name and password in an address is an old trick to make one host look like another.
        if uri.authority()?.as_str().contains('@') {
            return None;
        }
        let host = uri.host()?.to_ascii_lowercase();
        let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        (!host.is_empty()).then_some(Self { is_https, host, port })
    }

    /// Whether it is this machine.
    pub fn is_loopback(&self) -> bool {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// Whether it may be asked at all: encrypted, or on this machine.
    pub fn is_safe(&self) -> bool {
        self.is_https || self.is_loopback()
    }
}

impl Hub {
    /// The hub that the environment names: HF_ENDPOINT; the login of HF_TOKEN, HUGGING_FACE_HUB_TOKEN or the file `token` in
    /// HF_HOME; HTTPS_PROXY and its kin; SSL_CERT_FILE for a studio's own certificates; HF_HUB_DOWNLOAD_TIMEOUT in seconds.
    pub fn from_environment() -> Result<Self, Fault> {
        let endpoint = text("HF_ENDPOINT").map_or_else(|| DEFAULT_ENDPOINT.to_owned(), |e| e.trim_end_matches('/').to_owned());
        let wrong = |why: &str| {
            Fault::new(
                Code::Argument,
                format!("HF_ENDPOINT is {endpoint:?}, {why}"),
                "set it to the https:// address of a model hub, or unset it; plain http:// is taken for this machine only",
            )
        };
        let uri: Uri = endpoint.parse().map_err(|_| wrong("which is not an address"))?;
        let origin = Origin::of(&uri).ok_or_else(|| wrong("which is not an address"))?;
        if !origin.is_safe() {
            return Err(wrong("to which nothing is sent without encryption"));
        }
        let patience = text("HF_HUB_DOWNLOAD_TIMEOUT").and_then(|t| t.parse().ok()).filter(|s| (1..=3600).contains(s)).unwrap_or(PATIENCE);
        let agent = agent(Duration::from_secs(patience), origin.is_loopback())?;
        Ok(Self { endpoint, origin, token: token()?, agent })
    }

    /// Its address without a slash at the end.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Whether a login is known.
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Where a file of a repository is asked for.
    pub fn address(&self, source: &Source, path: &str) -> String {
        // Names are plain (see `is_name`), so nothing has to be escaped but the slash of a branch such as refs/pr/1.
        debug_assert!(path.split('/').all(is_name));
        format!("{}/{}/resolve/{}/{path}", self.endpoint, source.repository, source.revision.replace('/', "%2F"))
    }

    pub(crate) fn agent(&self) -> &Agent {
        &self.agent
    }

    /// The login, for the hub itself and nobody else.
    pub(crate) fn token_for(&self, origin: &Origin) -> Option<&Token> {
        self.token.as_ref().filter(|_| *origin == self.origin)
    }

    /// Whether the hub is on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        self.origin.is_loopback()
    }

    /// Whether the hub's own headers may be believed in an answer of this host.
    pub(crate) fn is(&self, origin: &Origin) -> bool {
        *origin == self.origin
    }
}

fn agent(patience: Duration, is_loopback: bool) -> Result<Agent, Fault> {
    let mut config = Agent::config_builder()
        .user_agent(concat!("pickup/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("identity")
        .http_status_as_error(false)
        // Every step of the way is looked at by `stream`, which knows who may see the login.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_resolve(Some(patience))
        .timeout_connect(Some(patience))
        .timeout_recv_response(Some(patience))
        .timeout_per_read(Some(patience));
    if is_loopback {
        config = config.proxy(None);
    }
    if let Some(file) = text("SSL_CERT_FILE") {
        config = config.tls_config(TlsConfig::builder().root_certs(certificates(&PathBuf::from(file))?).build());
    }
    Ok(config.build().new_agent())
}

fn certificates(path: &std::path::Path) -> Result<RootCerts, Fault> {
    let remedy = "SSL_CERT_FILE must name a PEM file of certificates; unset it to use the ones that Pickup brings";
    let none = |why: &str| Fault::new(Code::Argument, format!("{} holds no certificates: {why}", path.display()), remedy);
    let bytes = durable::read_small(path, 16 << 20)?.ok_or_else(|| none("it is not there"))?;
    let found: Vec<_> = parse_pem(&bytes).filter_map(|item| if let Ok(PemItem::Certificate(c)) = item { Some(c) } else { None }).collect();
    if found.is_empty() {
        return Err(none("nothing in it is one"));
    }
    Ok(RootCerts::new_with_certs(&found))
}

fn text(name: &str) -> Option<String> {
    env::var(name).ok().map(|v| v.trim().to_owned()).filter(|v| !v.is_empty())
}

/// The login: from a variable, else from the file that the hub's own tools keep.
fn token() -> Result<Option<Token>, Fault> {
    for name in ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"] {
        if let Some(value) = text(name) {
            return checked(value, name).map(Some);
        }
    }
    let set = |name: &str| env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let home = set("HF_HOME").or_else(|| {
        let cache = set("XDG_CACHE_HOME").or_else(|| set(if cfg!(windows) { "USERPROFILE" } else { "HOME" }).map(|h| h.join(".cache")));
        cache.map(|c| c.join("huggingface"))
    });
    let Some(file) = set("HF_TOKEN_PATH").or_else(|| home.map(|h| h.join("token"))) else { return Ok(None) };
    let Some(bytes) = durable::read_small(&file, MOST_TOKEN_BYTES)? else { return Ok(None) };
    let value = String::from_utf8_lossy(&bytes).trim().to_owned();
    if value.is_empty() { Ok(None) } else { checked(value, &file.display().to_string()).map(Some) }
}

fn checked(value: String, place: &str) -> Result<Token, Fault> {
    if value.bytes().all(|b| b.is_ascii_graphic()) && value.len() as u64 <= MOST_TOKEN_BYTES {
        return Ok(Token(value));
    }
    Err(Fault::new(
        Code::Argument,
        format!("{place} holds something that cannot be a token (it is not shown here)"),
        "put the token there alone, on one line",
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn origin(text: &str) -> Option<Origin> {
        Origin::of(&text.parse().ok()?)
    }

    #[test]
    fn only_encrypted_hosts_and_this_machine_are_asked() {
        for safe in ["https://hub.example/x", "http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]:90/x", "http://127.9.9.9/"] {
            assert!(origin(safe).unwrap().is_safe(), "{safe}");
        }
        for unsafe_one in ["http://hub.example/x", "http://127.0.0.1.example/x", "http://10.0.0.1/", "http://localhost.example/"] {
            assert!(!origin(unsafe_one).unwrap().is_safe(), "{unsafe_one}");
        }
        for none in ["ftp://hub.example/x", "file:///etc/passwd", "/only/a/path", "https://hub.example@evil.example/"] {
            assert_eq!(origin(none), None, "{none}");
        }
    }

    #[test]
    fn a_host_is_the_same_only_with_scheme_and_port() {
        let hub = origin("https://hub.example").unwrap();
        assert_eq!(origin("https://HUB.example:443/a/b"), Some(hub.clone()));
        for other in ["https://hub.example:444/", "https://cdn.hub.example/", "http://hub.example/", "https://hub.example.evil/"] {
            assert_ne!(origin(other), Some(hub.clone()), "{other}");
        }
    }

    #[test]
    fn what_cannot_be_a_token_is_refused_and_not_shown() {
        assert!(checked("hf_abc".into(), "HF_TOKEN").is_ok());
        let fault = checked("secret\nwords".into(), "HF_TOKEN").err().unwrap();
        assert!(fault.what.contains("HF_TOKEN") && !fault.to_string().contains("secret"));
    }
}
