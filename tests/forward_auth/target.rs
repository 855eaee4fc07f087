//! What the cases run against: a site behind a proxy, and the portal behind that.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::support::gate::{HOST, TestGate};
use crate::support::upstream::Upstream;
use crate::support::websocket::echo_at;

/// A site and what is around it. Without `gate`, it is another program's.
pub(crate) struct Target {
    pub(crate) site: Site,
    /// Where the proxy accepts connections.
    pub(crate) address: SocketAddr,
    /// Ours, with people in it.
    pub(crate) gate: Option<TestGate>,
    /// The portal, unless it is the gate's.
    recorder: Option<Upstream>,
}

/// What is known about a site.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Site {
    /// The name in the table.
    pub(crate) name: String,
    /// Where the proxy accepts connections. One of this and of `endpoint`.
    address: Option<SocketAddr>,
    /// A URL that Caddy or Traefik would ask: the kit then is the proxy.
    endpoint: Option<String>,
    /// Where the proxy expects the portal; the kit listens there.
    portal: Option<SocketAddr>,
    #[serde(default = "host")]
    pub(crate) host: String,
    /// The names of session cookies, which must not reach the portal.
    #[serde(default)]
    pub(crate) session_cookies: Vec<String>,
    /// The field with the user's name.
    pub(crate) user_field: Option<String>,
    /// The field with the organization.
    pub(crate) organization_field: Option<String>,
    /// Every field that tells the portal who it is.
    #[serde(default)]
    pub(crate) identity_fields: Vec<String>,
    /// What the kit takes from the answer for the portal, as Traefik's `authResponseHeaders`.
    #[serde(default)]
    pub(crate) answer_fields: Vec<String>,
    /// `name=value` of the session's cookie, by who is signed in.
    #[serde(default)]
    pub(crate) sessions: BTreeMap<String, String>,
    /// What the organization's field has, by the organization's name.
    #[serde(default)]
    pub(crate) organizations: BTreeMap<String, String>,
    /// Whether the proxy speaks HTTP/2 in the clear.
    #[serde(default)]
    pub(crate) http2: bool,
    /// Whether redirects may lead anywhere.
    #[serde(default)]
    pub(crate) any_location: bool,
}

fn host() -> String {
    HOST.to_owned()
}

impl Target {
    /// Our gateway behind a proxy at this address.
    pub(crate) fn ours(gate: TestGate, site: Site, address: SocketAddr) -> Self {
        echo_at(&gate.upstream, "/open/socket");
        Self { site, address, gate: Some(gate), recorder: None }
    }

    /// A site of another program.
    pub(crate) fn foreign(site: Site, address: SocketAddr, recorder: Upstream) -> Self {
        echo_at(&recorder, "/open/socket");
        Self { site, address, gate: None, recorder: Some(recorder) }
    }

    /// The portal.
    pub(crate) fn portal(&self) -> &Upstream {
        let of_gate = self.gate.as_ref().map(|gate| &gate.upstream);
        self.recorder.as_ref().or(of_gate).expect("a portal")
    }
}

impl Site {
    /// One with nothing but a name.
    pub(crate) fn named(name: &str) -> Self {
        toml::from_str(&format!("name = {name:?}")).unwrap()
    }

    /// Reads the description of another program's site.
    pub(crate) fn read(file: &Path) -> Self {
        let name = file.display();
        let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{name}: {error}"));
        toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// What an operator would write about an endpoint of ours.
    pub(crate) fn described(&self, gate: SocketAddr) -> String {
        let endpoint = format!("http://{gate}/.portcullis/verify/forward");
        let answer =
            [&self.identity_fields[..], &["Cookie".into(), "Authorization".into()]].concat();
        let list = |names: &[String]| format!("{names:?}");
        let mut text = format!(
            "name = \"An endpoint\"\nendpoint = {endpoint:?}\nuser_field = \"Portcullis-User\"\n\
             session_cookies = {}\nidentity_fields = {}\nanswer_fields = {}\n[sessions]\n",
            list(&self.session_cookies),
            list(&self.identity_fields),
            list(&answer),
        );
        for (name, cookie) in &self.sessions {
            text.push_str(&format!("{name} = {cookie:?}\n"));
        }
        text
    }

    /// The proxy, or the URL to ask.
    pub(crate) fn asked(&self) -> Result<SocketAddr, &str> {
        match (self.address, &self.endpoint) {
            (Some(address), None) => Ok(address),
            (None, Some(endpoint)) => Err(endpoint),
            _ => panic!("{}: one of `address` and `endpoint`", self.name),
        }
    }

    /// The portal that the kit is for this site.
    pub(crate) async fn recorder(&self) -> Upstream {
        match self.portal {
            Some(address) => Upstream::listen(address).await,
            None => Upstream::start().await,
        }
    }
}

/// The file that describes another program, if the environment names one.
pub(crate) fn of_environment() -> Option<PathBuf> {
    let file = std::env::var_os("FORWARD_AUTH_TARGET").filter(|file| !file.is_empty())?;
    Some(file.into())
}
