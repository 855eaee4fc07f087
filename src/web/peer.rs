//! The address of the client of a request.

use std::net::IpAddr;

/// The address that a connection comes from, as an extension of its requests.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);
