//! What a server or the network says instead of a file, in words with a remedy, and whether asking again may help.

use std::time::Duration;

use shot::{Code, Fault};

use crate::stream::Head;
use crate::table::Source;

/// Why a request came to nothing.
#[derive(Debug)]
pub enum Refusal {
    /// Asking again will not help.
    Final(Fault),
    /// It may help: after a time, where the server named one.
    Again(Fault, Option<Duration>),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Final(fault)
    }
}

/// Who was asked for what: the facts of every answer.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The hub's address, such as `https://hub.example`.
    pub endpoint: &'a str,
    /// Where the file is.
    pub source: &'a Source,
    /// Its path there.
    pub path: &'a str,
    /// Whether a login was sent.
    pub token: bool,
    /// The name that `pickup weights get` was given.
    pub name: &'a str,
}

impl Asked<'_> {
    fn page(&self) -> String {
        format!("{}/{}", self.endpoint, self.source.repository)
    }

    fn again(&self) -> String {
        format!("run `pickup weights get {}` again", self.name)
    }

    fn login(&self) -> String {
        format!("make a read token at {}/settings/tokens, put it into the environment variable HF_TOKEN", self.endpoint)
    }

    /// An answer that is neither the file nor a way to it.
    pub fn refused(&self, head: &Head) -> Refusal {
        let (repository, path, status) = (&self.source.repository, self.path, head.status);
        let missing = |what: String, remedy: String| Refusal::Final(Fault::new(Code::Missing, what, remedy));
        // The hub says in a header of its own which of several things its status means.
        let code = head.get("x-error-code").unwrap_or_default();
        match (status, code) {
            (401 | 403, _) if self.token && status == 401 => missing(
                format!(
                    "the server does not accept your login for {repository} (401): the token is wrong, expired or lacks the right to read it"
                ),
                format!("{}, then {}", self.login(), self.again()),
            ),
            (401, "RepoNotFound") if !self.source.login => missing(
                format!("the server knows no public {repository} (401)"),
                format!("if it has become private, {}; else this table is out of date: a newer Pickup knows where it went", self.login()),
            ),
            (401, _) => missing(
                format!("{repository} is given only to people who are logged in (401)"),
                format!("accept its licence at {}, {}, then {}", self.page(), self.login(), self.again()),
            ),
            (403, _) => missing(
                format!(
                    "the server knows you but does not give you {repository} (403): its licence is not accepted there, or the token may not read it"
                ),
                format!("open {} with the account of your token, accept the licence, then {}", self.page(), self.again()),
            ),
            (404, "RevisionNotFound") => missing(
                format!("{repository} has no revision {} any more (404)", self.source.revision),
                "a newer Pickup knows the new one; until then add an entry of your own to weights.json in the weights folder".to_owned(),
            ),
            (404 | 410, _) => missing(
                format!("{path} is not in {repository} at revision {} ({status})", self.source.revision),
                "a newer Pickup knows where it went; until then add an entry of your own to weights.json in the weights folder".to_owned(),
            ),
            (408 | 425 | 429 | 500 | 502 | 503 | 504, _) => {
                let why = match status {
                    429 => "asks for fewer requests",
                    503 => "is overloaded or being repaired",
                    _ => "is in trouble",
                };
                let wait = head.get("retry-after").and_then(|v| v.trim().parse().ok()).map(Duration::from_secs);
                let fault = Fault::new(
                    Code::Missing,
                    format!("the server {why} ({status}) at {path}"),
                    format!("wait a few minutes, then {}: it goes on from where it stopped", self.again()),
                );
                Refusal::Again(fault, wait)
            }
            (407, _) => missing(
                "the proxy between asks for a login (407)".to_owned(),
                "put user and password into HTTPS_PROXY as http://user:password@host:port".to_owned(),
            ),
            (451, _) => missing(
                format!("{repository} is not given out where you are (451)"),
                "ask its publisher, or use a mirror that you may use with HF_ENDPOINT".to_owned(),
            ),
            _ => missing(
                format!("the server answered {status} for {path} of {repository}"),
                format!("look at {}; is HF_ENDPOINT right?", self.page()),
            ),
        }
    }

    /// A page of words where a file should come: a log-in page of a hotel, a proxy's notice.
    pub fn page_instead(&self, host: &str) -> Fault {
        Fault::new(
            Code::Missing,
            format!("a web page came from {host} instead of {}", self.path),
            format!(
                "a log-in page or a proxy stands between: open any web page in a browser and log in there, or set HTTPS_PROXY, then {}",
                self.again()
            ),
        )
    }

    /// A file of another length than it should have.
    pub fn wrong_size(&self, expected: u64, got: u64) -> Fault {
        Fault::new(
            Code::Missing,
            format!("{} has {got} bytes at the server, {expected} were expected", self.path),
            "the file was changed there or on its way: a newer Pickup may know it, or add an entry of your own to weights.json",
        )
    }

    /// A file of another content than it should have. It has been removed.
    pub fn wrong_hash(&self, expected: &str, got: &str) -> Fault {
        Fault::new(
            Code::Missing,
            format!("{} arrived damaged and was removed: its SHA-256 is {got}, {expected} was expected", self.path),
            format!("{}; if it happens twice, a proxy or a failing disk changes what passes, or the file was changed there", self.again()),
        )
    }

    /// A file that the server calls by another hash than the table, before anything is fetched.
    pub fn other_file(&self, expected: &str, got: &str) -> Fault {
        Fault::new(
            Code::Missing,
            format!("{} is another file at the server than the one that is known: SHA-256 {got} instead of {expected}", self.path),
            "nothing was fetched; a newer Pickup may know the new file, or add an entry of your own to weights.json",
        )
    }
}
