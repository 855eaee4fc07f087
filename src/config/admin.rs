//! `[admin]`: where the admin API listens, and how administrators sign in.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::public_url::PublicUrl;
use super::reader::Reader;
use super::server::networks;
use super::tls::Tls;
use super::value::{Address, minutes};
use portcullis_policy::Host;

/// `[admin]`
#[derive(Debug, Clone)]
pub struct Admin {
    /// `admin.listen`: the TCP address of the admin listener.
    pub listen: SocketAddr,
    /// `admin.proxy_protocol`: networks whose connections to `listen` begin with a header of the PROXY
    /// protocol.
    pub proxy_protocol: Vec<IpNet>,
    /// `admin.socket`: the path of the admin socket.
    pub socket: PathBuf,
    /// `admin.tls`: certificate and key, if TLS ends at the admin listener.
    pub tls: Option<Tls>,
    /// `admin.public_url`: the URL by which browsers reach the admin listener, if it is not that of
    /// `admin.listen`.
    pub public_url: Option<PublicUrl>,
    /// `admin.hosts`: further hosts that cookies are accepted for.
    pub hosts: Vec<Host>,
    /// `admin.idle_timeout`: an administrator's session ends after this long without a request.
    pub idle_timeout: Duration,
    /// `admin.require_mfa`: whether administrators need a second factor to sign in.
    pub require_mfa: bool,
}

impl Admin {
    pub(super) fn read(r: &mut Reader, tls: Option<Tls>) -> Self {
        let key = "admin.listen";
        let listen = match r.parsed::<Address>(key) {
            Some(Address(address)) => address,
            None => {
                let default = (Ipv4Addr::LOCALHOST, 8081).into();
                r.show(key, SocketAddr::to_string(&default));
                default
            }
        };
        Self {
            listen,
            tls,
            proxy_protocol: networks(r, "admin.proxy_protocol"),
            socket: r.path("admin.socket", "data/admin.sock"),
            public_url: r.parsed("admin.public_url"),
            hosts: r.list("admin.hosts").unwrap_or_default(),
            idle_timeout: r.duration("admin.idle_timeout", minutes(15)),
            require_mfa: r.boolean("admin.require_mfa", true),
        }
    }
}
