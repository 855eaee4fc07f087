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
        let listen = r.parsed::<Address>("admin.listen");
        Self {
            listen: listen.map_or((Ipv4Addr::LOCALHOST, 8081).into(), |Address(address)| address),
            socket: r.path("admin.socket", "data/admin.sock"),
        }
    }
}
