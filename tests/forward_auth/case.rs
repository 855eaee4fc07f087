//! The cases: `cases.toml`, a row for each request.

use std::sync::Arc;

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    case: Vec<Written>,
}

/// A case as it is written, perhaps with several requests.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    name: String,
    #[serde(default)]
    requests: Vec<String>,
    #[serde(default)]
    spoofed: Vec<String>,
    journey: Option<String>,
    #[serde(default)]
    pub(crate) fields: Vec<String>,
    pub(crate) by: Option<By>,
    #[serde(default)]
    pub(crate) session: Vec<String>,
    /// Each cookie is a line of its own.
    #[serde(default)]
    pub(crate) cookie_lines: bool,
    pub(crate) host: Option<String>,
    /// Bytes of the body.
    pub(crate) body: Option<usize>,
    #[serde(default)]
    pub(crate) chunked: bool,
    #[serde(default)]
    pub(crate) websocket: bool,
    #[serde(default)]
    pub(crate) http2: bool,
    /// Proxies that cannot do this.
    #[serde(default)]
    pub(crate) not_on: Vec<String>,
    pub(crate) state: Option<State>,
    #[serde(default)]
    pub(crate) status: Vec<u16>,
    pub(crate) reason: Option<String>,
    /// How `Location` begins, without the site's own origin.
    pub(crate) location: Option<String>,
    #[serde(default)]
    pub(crate) user: String,
    #[serde(default)]
    pub(crate) organization: String,
    #[serde(default)]
    pub(crate) authorization: String,
}

/// Who reads the answer.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum By {
    Page,
    Script,
}

/// How the portal or the program that decides is during the case.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    Disabled,
    Slow,
    Stopped,
}

/// What a case does.
#[derive(Debug, Clone)]
pub(crate) enum What {
    Request { method: String, target: String, spoofed: Option<String> },
    Journey(String),
}

/// One row of the table.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) what: What,
    pub(crate) written: Arc<Written>,
}

/// Every case, in the order of the file.
pub(crate) fn all() -> Vec<Case> {
    let Cases { case } = toml::from_str(include_str!("cases.toml")).unwrap();
    case.into_iter().map(Arc::new).flat_map(|written| rows(&written)).collect()
}

fn rows(written: &Arc<Written>) -> Vec<Case> {
    let name = &written.name;
    let row = |name: String, what| Case { name, what, written: Arc::clone(written) };
    if let Some(journey) = &written.journey {
        return vec![row(name.clone(), What::Journey(journey.clone()))];
    }
    let Written { requests, spoofed, status, .. } = &**written;
    assert!(!status.is_empty() && !requests.is_empty(), "{name}: requests and status");
    let fields: Vec<Option<&String>> = match spoofed.as_slice() {
        [] => vec![None],
        some => some.iter().map(Some).collect(),
    };
    let mut rows = Vec::new();
    for request in requests {
        let (method, target) = request.split_once(' ').expect("a method and a target");
        for spoofed in fields.iter().copied().map(Option::<&String>::cloned) {
            let name = format!("{name}: {}", spoofed.as_ref().unwrap_or(request));
            let (method, target) = (method.to_owned(), target.to_owned());
            rows.push(row(name, What::Request { method, target, spoofed }));
        }
    }
    rows
}
