//! Warnings of settings that can be used and are probably not meant.

use std::net::{IpAddr, SocketAddr};

use portcullis_store::sled::SledStore;

use super::warning::Warning;
use crate::app::former_key_file;
use crate::config::{
    DEFAULT_NAME, DEFAULT_SENDER, IgnoredVariable, ListenAddress, MailTransport, PublicUrl, Server,
    Settings, Transport, UpstreamServer, WarningName,
};

/// Variables that look like settings.
#[must_use]
pub fn ignored_variables(ignored: &[IgnoredVariable]) -> Vec<Warning> {
    let warning = |IgnoredVariable { name, instead }: &IgnoredVariable| {
        let detail = format!(
            "the environment variable `{name}` has no effect: between the parts of a setting there \
             are two underscores; write `{instead}`"
        );
        Warning::new(WarningName::IgnoredVariable, detail)
    };
    ignored.iter().map(warning).collect()
}

/// Single settings, and those that do not go together. `listens`: where the gateway listens for
/// portal traffic, if it runs.
pub(super) fn warnings(settings: &Settings, listens: &[ListenAddress]) -> Vec<Warning> {
    let Settings { server, admin, branding, mail, .. } = settings;
    let mut warnings = Vec::new();
    let mut warn = |name, detail: String| warnings.push(Warning::new(name, detail));
    let url = &server.public_url;
    if url.is_https() && server.tls.is_none() && server.trusted_proxies.is_empty() {
        let detail = "server.public_url is https, but TLS does not end here (`server.tls`), and no \
                      proxy is trusted that could end it (`server.trusted_proxies`): all requests \
                      seem to come from one address, and share its limits and lockouts. Set \
                      `server.trusted_proxies` to the addresses of the proxy, or `server.tls`";
        warn(WarningName::HttpsWithoutTls, detail.to_owned());
    }
    let listens = if listens.is_empty() { &*server.listen } else { listens };
    let unix = listens.iter().find(|address| address.unix().is_some());
    if let Some(address) = unix
        && !server.trusted_proxies.has_unix()
        && !server.proxy_protocol.has_unix()
    {
        let detail = format!(
            "server.listen: nothing names the clients of `{address}`, so all of them share one \
             unknown address, its limits and its lockouts. Add `unix:` to \
             `server.trusted_proxies` if the proxy sends `X-Forwarded-For`, or to \
             `server.proxy_protocol` if it sends the PROXY protocol"
        );
        warn(WarningName::UnixWithoutClient, detail);
    }
    if !url.is_https() && server.tls.is_some() {
        let detail = format!(
            "server.tls is set, but server.public_url is http: links in mails do not work, cookies \
             are not secure, and forms are refused. Write `https://{}`",
            url.host()
        );
        warn(WarningName::TlsWithHttpUrl, detail);
    }
    if admin.tls.is_some()
        && let Some(url) = admin.public_url.as_ref().filter(|url| !url.is_https())
    {
        let detail = format!(
            "admin.tls is set, but admin.public_url is http: browsers do not reach the admin UI \
             there. Write `https://{}`",
            url.host()
        );
        warn(WarningName::TlsWithHttpUrl, detail);
    }
    if !is_local(admin.listen.ip())
        && admin.tls.is_none()
        && !admin.public_url.as_ref().is_some_and(PublicUrl::is_https)
    {
        let detail = format!(
            "admin.listen: other machines can reach `{}`, and passwords and tokens are sent in clear \
             text. Set `admin.tls`, or listen on 127.0.0.1 behind a proxy that ends TLS and set \
             `admin.public_url` to its https URL",
            admin.listen
        );
        warn(WarningName::AdminWithoutTls, detail);
    }
    if is_public(server) {
        if branding.name == DEFAULT_NAME {
            let detail = format!(
                "branding.name is the default: pages and mails are titled `{DEFAULT_NAME}`. Set it \
                 to a name that your customers know"
            );
            warn(WarningName::DefaultName, detail);
        }
        if mail.from.0.email.to_string() == DEFAULT_SENDER {
            let detail = format!(
                "mail.from is the default: mails come from `{DEFAULT_SENDER}`, which mail servers \
                 refuse. Set it to an address of yours"
            );
            warn(WarningName::DefaultSender, detail);
        }
        if let MailTransport::Directory(folder) = &mail.transport {
            let detail = format!(
                "mail.transport is \"directory\": mails are written to `{}` and not sent, so \
                 portal users get no invitations and no links for a new password. Set it to \
                 \"smtp\", with `mail.smtp.host`",
                folder.display()
            );
            warn(WarningName::MailNotSent, detail);
        }
    }
    for note in &branding.notes {
        warn(WarningName::AdjustedColour, note.to_string());
    }
    if let Some(former) = former_key_file(settings) {
        let detail = format!(
            "the secret key is still at `{}`, so every copy of the data folder includes it; stop \
             the gateway and move it to `{}`",
            former.display(),
            settings.key_file.display()
        );
        warn(WarningName::FormerKeyFile, detail);
    }
    if let Some(detail) = SledStore::mount_warning(&settings.store.path) {
        warn(WarningName::StoreMountPoint, detail);
    }
    for server in settings.upstream.groups().flatten() {
        if let Some(key) = own_address(server, settings) {
            let detail = format!(
                "upstream: {server} is an address of the gateway itself (`{key}`), so it would \
                 receive its own requests. Write the address of the portal"
            );
            warn(WarningName::UpstreamIsGateway, detail);
        }
    }
    warnings
}

/// The setting that has this address, if the gateway itself accepts connections there.
fn own_address(server: &UpstreamServer, settings: &Settings) -> Option<&'static str> {
    if let Transport::Unix(path) = &server.transport {
        let is_same = |address: &ListenAddress| address.unix() == Some(path.as_path());
        let is_gateway = settings.server.listen.iter().any(is_same);
        let is_admin = settings.admin.socket == *path;
        return is_gateway
            .then_some("server.listen")
            .or_else(|| is_admin.then_some("admin.socket"));
    }
    let (host, port) = server.address.rsplit_once(':')?;
    let port: u16 = port.parse().ok()?;
    let ip = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(ip) => Some(ip.to_canonical()),
        Err(_) if host.eq_ignore_ascii_case("localhost") => None,
        Err(_) => return None,
    };
    let is_same = |listen: &SocketAddr| {
        let own = listen.ip().to_canonical();
        // Without an address, it is a name of the loopback addresses.
        let is_loopback = ip.is_none_or(|ip| ip.is_loopback());
        listen.port() == port
            && (ip == Some(own)
                || is_loopback && own.is_unspecified()
                || ip.is_none() && own.is_loopback())
    };
    if settings.server.listen.iter().filter_map(ListenAddress::tcp).any(|tcp| is_same(&tcp)) {
        return Some("server.listen");
    }
    if settings.server.redirect_listen.iter().any(is_same) {
        return Some("server.redirect_listen");
    }
    if settings.forward_auth.grpc_listen.as_ref().is_some_and(is_same) {
        return Some("forward_auth.grpc_listen");
    }
    is_same(&settings.admin.listen).then_some("admin.listen")
}

/// Whether others than the user of this machine can be meant: browsers use https, or a TCP address
/// that is not a loopback address accepts connections.
fn is_public(server: &Server) -> bool {
    let mut addresses = server.listen.iter().filter_map(ListenAddress::tcp);
    server.public_url.is_https() || addresses.any(|address| !is_local(address.ip()))
}

fn is_local(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}
