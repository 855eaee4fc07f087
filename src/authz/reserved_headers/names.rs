//! The list of reserved names.
//!
//! It is documented in `docs/configuration.md`; a test compares the two. A name that ends in `*`
//! stands for every name that begins with it.

use crate::config::header_names::OWN;

/// What a reserved header means to a portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Set by the gateway itself, or by HTTP for one connection. No setting lets it through.
    Own,
    /// The client, host or scheme that a proxy has seen.
    Proxy,
    /// The method to use instead of the request's own.
    Method,
    /// Another command: another path, a file to send, an internal request.
    Command,
    /// The user's identity.
    Identity,
}

/// Set by proxies, load balancers and content delivery networks.
pub(super) const PROXY: [&str; 44] = [
    "Forwarded*",
    "X-Forwarded*",
    "X-Forward-For",
    "X-Forward-Proto",
    "X-Real-IP*",
    "X-Real-Port",
    "X-Client-IP*",
    "X-Cluster-Client-IP*",
    "X-Originating-*",
    "X-Remote-Addr*",
    "X-Remote-IP*",
    "X-ProxyUser-IP*",
    "X-Proxy-*",
    "X-Host*",
    "X-HTTP-Host-Override",
    "X-Scheme",
    "X-URL-Scheme",
    "X-HTTPS",
    "X-SSL",
    "X-ARR-ClientCert",
    "X-ARR-SSL",
    "X-Azure-ClientIP",
    "X-Azure-SocketIP",
    "X-Envoy-*",
    "X-AppEngine-*",
    "X-NF-Client-Connection-IP",
    "X-Coming-From",
    "Ali-CDN-Real-IP",
    "CDN-Real-IP",
    "CDN-Src-IP",
    "CF-Connecting-IP*",
    "CF-Visitor",
    "Client-IP*",
    "CloudFront-Forwarded-Proto",
    "CloudFront-Viewer-Address",
    "DO-Connecting-IP",
    "Fastly-Client-IP*",
    "Fastly-SSL",
    "Fly-Client-IP",
    "Front-End-HTTPS",
    "Proxy*",
    "Remote-Addr",
    "True-Client-IP*",
    "WL-Proxy-*",
];

/// What a proxy of any kind may report of a client, besides the fields that the gateway sets. A proxy
/// that sends requests to the portal itself must overwrite or remove each.
pub const REPORTED: [&str; 7] = [
    "forwarded",
    "x-forwarded-port",
    "x-forwarded-protocol",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-forwarded-ssl",
    "x-real-ip",
];

/// Read as the method of the request. Each begins with an `x`.
pub(super) const METHOD: [&str; 4] =
    ["X-HTTP-Method", "X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Verb-Override"];

/// Read as commands.
pub(super) const COMMAND: [&str; 33] = [
    "Base-URL",
    "Daphne-Root-Path",
    "HTTP-URL",
    "Path-Info",
    "Request-URI",
    "Script-Name",
    "X-Accel-Mapping",
    "X-Base-Path",
    "X-Base-URL",
    "X-HTTP-DestinationURL",
    "X-HTTP-Method*",
    "X-HTTP-Path-Override",
    "X-HTTP-Verb*",
    "X-Ingress-Path",
    "X-Invoke-Output",
    "X-Invoke-Path",
    "X-Invoke-Query",
    "X-Invoke-Status",
    "X-Matched-Path",
    "X-Method-Override*",
    "X-Middleware-*",
    "X-Now-Route-Matches",
    "X-Original*",
    "X-Override-URI",
    "X-Override-URL",
    "X-Path-Info",
    "X-Rewrite*",
    "X-Script-Filename",
    "X-Script-Name",
    "X-Sendfile-Type",
    "X-Traversal-Path",
    "X-VHM-*",
    "XAJP-*",
];

/// Read as the user's identity, as set by single sign-on, gateways and TLS in front of a portal.
pub(super) const IDENTITY: [&str; 76] = [
    "Auth-Groups",
    "Auth-Mail",
    "Auth-Name",
    "Auth-User*",
    "CF-Access-*",
    "Client-Cert*",
    "ES-Security-Runas-User",
    "Impersonate-*",
    "IV-Creds",
    "IV-Groups",
    "IV-Remote-*",
    "IV-User*",
    "MS-ASPNETCORE-*",
    "OAM-Remote-User*",
    "OIDC-*",
    "Osso-User*",
    "Remote-Email*",
    "Remote-Group*",
    "Remote-Name*",
    "Remote-User*",
    "Shib-*",
    "SM-Universal*",
    "SM-User*",
    "SSL-Client-*",
    "Tailscale-*",
    "X-Amzn-Mtls-*",
    "X-Amzn-Oidc-*",
    "X-Amzn-Request-Context",
    "X-Anonymous-Consumer",
    "X-Apigateway-Api-Userinfo",
    "X-Auth-Email",
    "X-Auth-Groups",
    "X-Auth-Name",
    "X-Auth-Request-*",
    "X-Auth-Roles",
    "X-Auth-User*",
    "X-Authenticated-*",
    "X-Authentik-*",
    "X-CAS-User",
    "X-Client-Cert*",
    "X-Client-DN",
    "X-Client-S-DN",
    "X-Client-Verify",
    "X-Consumer-*",
    "X-Credential-Identifier",
    "X-Credential-Username",
    "X-Endpoint-API-UserInfo",
    "X-Goog-Authenticated-User-*",
    "X-Goog-IAP-*",
    "X-Identity",
    "X-JWT-Assertion",
    "X-MS-Client-Principal*",
    "X-MS-Token-*",
    "X-Pomerium-*",
    "X-Remote-*",
    "X-Shib-*",
    "X-SSL-*",
    "X-SSO-User",
    "X-Trusted-User*",
    "X-User",
    "X-User-Email",
    "X-User-Groups",
    "X-User-Id",
    "X-User-Login",
    "X-User-Name",
    "X-User-Role",
    "X-User-Roles",
    "X-Userinfo",
    "X-Vouch-Idp-*",
    "X-Vouch-Success",
    "X-Vouch-User",
    "X-WebAuth-Email",
    "X-WebAuth-Groups",
    "X-WebAuth-Name",
    "X-WebAuth-Role*",
    "X-WebAuth-User*",
];

/// All of them with their families. The first that a name matches determines its family.
pub(super) fn listed() -> impl Iterator<Item = (Family, &'static str)> {
    let own = OWN.into_iter().map(|name| (Family::Own, name));
    let method = METHOD.into_iter().map(|name| (Family::Method, name));
    let proxy = PROXY.into_iter().map(|name| (Family::Proxy, name));
    let command = COMMAND.into_iter().map(|name| (Family::Command, name));
    let identity = IDENTITY.into_iter().map(|name| (Family::Identity, name));
    own.chain(method).chain(proxy).chain(command).chain(identity)
}
