//! `[admin]`: where the admin API listens.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::reader::Reader;
use super::value::Address;

/// `[admin]`
#[derive(Debug, Clone)]
pub struct Admin {
    /// `admin.listen`: the TCP address of the admin listener.
    pub listen: SocketAddr,
    /// `admin.socket`: the path of the admin socket.
    pub socket: PathBuf,
}

impl Admin {
    pub(super) fn read(r: &mut Reader) -> Self {
        let key = "admin.listen";
        let listen = match r.parsed::<Address>(key) {
            Some(Address(address)) => address,
            None => {
                let default = (Ipv4Addr::LOCALHOST, 8081).into();
                r.show(key, SocketAddr::to_string(&default));
                default
            }
        };
        Self { listen, socket: r.path("admin.socket", "data/admin.sock") }
    }
}
