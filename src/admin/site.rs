//! Where browsers reach the admin listener, and the defence of its cookie.
//!
//! A browser sends the cookie by itself. So a request with the cookie must be to a host that is
//! ours, because a name that an attacker controls can be rebound to this address (DNS rebinding);
//! and one that changes something must come from a page of ours.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::problem::Problem;
use crate::config::{Admin, PublicUrl};
use crate::credential::token::{PlainToken, TokenHash};
use crate::directory::access::administrators::PENDING_CODE_LIFETIME;
use crate::web::cookie;
use crate::web::fetch_metadata::{SEC_FETCH_SITE, only};
use portcullis_policy::Host;

/// The name of the cookie; with https, browsers take the prefixed one only from this host.
const COOKIE: &str = "portcullis-admin";
const COOKIE_HTTPS: &str = "__Host-portcullis-admin";
/// The cookie of a sign-in of the admin UI whose password was right and that needs a code.
const PENDING: &str = "portcullis-admin-pending";
const PENDING_HTTPS: &str = "__Host-portcullis-admin-pending";

/// Where browsers reach the admin listener.
#[derive(Debug)]
pub(super) struct Site {
    public_url: Option<PublicUrl>,
    hosts: Vec<Host>,
    listen: SocketAddr,
    /// Whether TLS ends at the listener.
    tls: bool,
}

impl Site {
    /// The site of these settings.
    pub(super) fn new(admin: &Admin) -> Self {
        Self {
            public_url: admin.public_url.clone(),
            hosts: admin.hosts.clone(),
            listen: admin.listen,
            tls: admin.tls.is_some(),
        }
    }

    fn is_https(&self) -> bool {
        self.tls || self.public_url.as_ref().is_some_and(PublicUrl::is_https)
    }

    const fn cookie_name(https: bool) -> &'static str {
        if https { COOKIE_HTTPS } else { COOKIE }
    }

    const fn pending_name(https: bool) -> &'static str {
        if https { PENDING_HTTPS } else { PENDING }
    }

    /// The address by which browsers reach the host that a request was sent to, for requests of
    /// programs: `scheme://host[:port]`.
    pub(super) fn address(&self, headers: &HeaderMap) -> String {
        if let Some(url) = &self.public_url {
            return url.as_str().to_owned();
        }
        let host = only(headers, &header::HOST).ok().flatten();
        let host = host
            .filter(|host| self.serves(host))
            .map_or_else(|| self.listen.to_string(), str::to_owned);
        format!("{}://{host}", if self.tls { "https" } else { "http" })
    }

    /// The hash of the session token in the only cookie of its name.
    pub(super) fn session_token(&self, headers: &HeaderMap) -> Option<TokenHash> {
        cookie::token_hash(headers, Self::cookie_name(self.is_https()))
    }

    /// The `Set-Cookie` line of a session; of none, to remove the cookie.
    pub(super) fn set_cookie(&self, token: Option<&PlainToken>) -> Option<HeaderValue> {
        let https = self.is_https();
        let (value, age) = match token {
            Some(token) => (token.expose(), ""),
            None => ("", "; Max-Age=0"),
        };
        line(Self::cookie_name(https), value, age, https)
    }

    /// The sealed text in the only cookie of a sign-in that needs a code.
    pub(super) fn pending_code<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        cookie::value(headers, Self::pending_name(self.is_https()))
    }

    /// The `Set-Cookie` line of a sign-in that needs a code; of none, to remove the cookie.
    pub(super) fn set_pending_code(&self, pending: Option<&str>) -> Option<HeaderValue> {
        let https = self.is_https();
        let seconds = if pending.is_some() { PENDING_CODE_LIFETIME.as_secs() } else { 0 };
        let age = format!("; Max-Age={seconds}");
        line(Self::pending_name(https), pending.unwrap_or_default(), &age, https)
    }

    /// Refuses what a browser marks as a request of another site's page. Clients other than browsers
    /// send neither header.
    pub(super) fn refuse_other_sites(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let is_other = match only(headers, &SEC_FETCH_SITE) {
            Ok(Some(site)) => site != "same-origin" && site != "none",
            Ok(None) => match only(headers, &header::ORIGIN) {
                Ok(Some(origin)) => !self.is_own(origin, headers),
                Ok(None) => false,
                Err(_) => true,
            },
            Err(_) => true,
        };
        if is_other {
            Err(cross_site("requests from pages of other sites are refused"))
        } else {
            Ok(())
        }
    }

    /// Checks a request that is authenticated by a cookie.
    ///
    /// # Errors
    /// 421 if it was sent to a host that is not ours; 403 if it changes something and no page of ours
    /// has sent it.
    pub(super) fn check_cookie_request(
        &self,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<(), Problem> {
        self.check_host(headers)?;
        if method == Method::GET || method == Method::HEAD {
            return Ok(());
        }
        let origin = only(headers, &header::ORIGIN)
            .map(|origin| origin.map(|origin| self.is_own(origin, headers)));
        let from_own_page = match (only(headers, &SEC_FETCH_SITE), origin) {
            (Ok(Some("same-origin")), Ok(is_own)) => is_own.unwrap_or(true),
            (Ok(Some("none") | None), Ok(is_own)) => is_own.unwrap_or(false),
            _ => false,
        };
        if from_own_page {
            return Ok(());
        }
        Err(cross_site(
            "a change with the cookie of a session must come from a page of this host: it needs \
             `Sec-Fetch-Site: same-origin`, or an `Origin` that is this host's; programs should send a \
             token instead",
        ))
    }

    /// Checks that a request with the cookie, or for it, was sent to a host that is ours.
    ///
    /// # Errors
    /// 421.
    pub(super) fn check_host(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let host = only(headers, &header::HOST).ok().flatten().unwrap_or_default();
        if self.serves(host) {
            return Ok(());
        }
        let detail = format!(
            "the host `{host}` is not served here; add it to `admin.hosts` if it should be"
        );
        Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, "unknown-host", detail))
    }

    /// Whether an origin is that of the host that the request was sent to, by https if browsers reach
    /// that host by https.
    fn is_own(&self, origin: &str, headers: &HeaderMap) -> bool {
        let Some(sent_to) = only(headers, &header::HOST).ok().flatten() else { return false };
        let Some((scheme, host)) = origin.split_once("://") else { return false };
        let is_public = |url: &PublicUrl| {
            url.is_https() && Host::parse(sent_to).is_ok_and(|host| host == *url.host())
        };
        let https = self.tls || self.public_url.as_ref().is_some_and(is_public);
        host.eq_ignore_ascii_case(sent_to)
            && scheme.eq_ignore_ascii_case(if https { "https" } else { "http" })
    }

    /// Whether a `Host` is the loopback, the address that is listened on, or one in the settings.
    fn serves(&self, host: &str) -> bool {
        let Ok(host) = Host::parse(host) else { return false };
        let public = self.public_url.as_ref().map(PublicUrl::host);
        if public.into_iter().chain(&self.hosts).any(|known| *known == host) {
            return true;
        }
        let name = host.name().trim_start_matches('[').trim_end_matches(']');
        let address = name.parse::<IpAddr>().ok();
        name == "localhost"
            || address.is_some_and(|address| address.is_loopback() || address == self.listen.ip())
    }
}

/// A `Set-Cookie` line.
fn line(name: &str, value: &str, age: &str, https: bool) -> Option<HeaderValue> {
    let secure = if https { "; Secure" } else { "" };
    let line = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{age}");
    HeaderValue::from_str(&line).ok()
}

fn cross_site(detail: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "cross-site", detail)
}
