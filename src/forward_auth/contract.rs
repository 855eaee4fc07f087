//! The contracts that proxies speak, and the paths at which they speak them.

use http::HeaderName;

use crate::web::paths;

/// `X-Original-Method`
pub(super) const ORIGINAL_METHOD: HeaderName = HeaderName::from_static("x-original-method");
/// `X-Original-URL`
pub(super) const ORIGINAL_URL: HeaderName = HeaderName::from_static("x-original-url");
/// `X-Forwarded-Method`
pub(super) const FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
/// `X-Forwarded-Uri`
pub(super) const FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");

static ORIGINAL: [HeaderName; 2] = [ORIGINAL_METHOD, ORIGINAL_URL];
static FORWARDED: [HeaderName; 2] = [FORWARDED_METHOD, FORWARDED_URI];
static BOTH: [HeaderName; 4] = [ORIGINAL_METHOD, ORIGINAL_URL, FORWARDED_METHOD, FORWARDED_URI];

/// A way in which a proxy asks about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contract {
    /// nginx's `auth_request`: `X-Original-Method` and `X-Original-URL`. It understands 200 and 403
    /// only, and shows what [`Answer`](Self::Answer) answers.
    Nginx,
    /// The answer to a request that nginx has been told to refuse: asked in the same way, answered
    /// with what the client gets.
    Answer,
    /// Caddy's `forward_auth`, Traefik's `ForwardAuth`, HAProxy with a Lua action: four
    /// `X-Forwarded-…` fields. Any 2xx allows, anything else is passed to the client.
    Forward,
    /// Envoy's `ext_authz` over HTTP and the Gateway API's `ExternalAuth`: the request itself, below
    /// a prefix. 200 allows; a 5xx is taken for a failure and hidden from the client.
    Envoy,
    /// Envoy's `ext_authz` over gRPC, on a listener of its own: the request in a message.
    EnvoyGrpc,
}

impl Contract {
    /// The contract that is spoken at this path over HTTP.
    pub(super) fn at(path: &str) -> Option<Self> {
        match path {
            paths::ANSWER => Some(Self::Answer),
            paths::VERIFY_NGINX => Some(Self::Nginx),
            paths::VERIFY_FORWARD => Some(Self::Forward),
            _ => path.starts_with(paths::VERIFY_ENVOY).then_some(Self::Envoy),
        }
    }

    /// The name in decision records and in the log.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Answer => "answer",
            Self::Forward => "forward",
            Self::Envoy => "envoy",
            Self::EnvoyGrpc => "envoy-grpc",
        }
    }

    /// The fields of other contracts. A question that has one is not meant for this one, or comes
    /// from a client that tries to ask about another request than its own.
    pub(super) fn foreign(self) -> &'static [HeaderName] {
        match self {
            Self::Nginx | Self::Answer => &FORWARDED,
            Self::Forward => &ORIGINAL,
            Self::Envoy | Self::EnvoyGrpc => &BOTH,
        }
    }
}
