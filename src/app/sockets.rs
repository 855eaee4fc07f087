//! The TCP sockets, bound before anything else is opened.

use std::net::{IpAddr, SocketAddr, TcpListener};

use crate::net::{BindError, bind_tcp};

/// Sockets that are bound. Connections wait until the gateway runs.
#[derive(Debug)]
pub struct Sockets {
    backlog: u16,
    pub(super) gateway: Vec<TcpListener>,
    pub(super) admin: TcpListener,
    pub(super) grpc: Option<TcpListener>,
    pub(super) redirect: Vec<TcpListener>,
    /// Every address with its setting, as they are written there.
    bound: Vec<(SocketAddr, &'static str)>,
}

/// Whether a socket on one address may accept the connections of the other. Linux accepts IPv4
/// connections on `[::]` too.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let (a, b) = (one.ip(), other.ip());
    let is_every =
        |ip: IpAddr, other: IpAddr| ip.is_unspecified() && (ip.is_ipv6() || other.is_ipv4());
    one.port() == other.port() && (a == b || is_every(a, b) || is_every(b, a))
}

impl Sockets {
    /// Binds the addresses for portal traffic and for the admin API, each with the setting that
    /// names it. Up to `backlog` connections wait on each socket.
    ///
    /// # Errors
    /// The first address that cannot be bound.
    pub fn bind(
        (gateway, setting): (&[SocketAddr], &'static str),
        (admin, admin_setting): (SocketAddr, &'static str),
        backlog: u16,
    ) -> Result<Self, BindError> {
        let mut bound = Vec::new();
        let gateway = gateway
            .iter()
            .map(|address| bind(&mut bound, *address, setting, backlog))
            .collect::<Result<_, _>>()?;
        let admin = bind(&mut bound, admin, admin_setting, backlog)?;
        Ok(Self { backlog, gateway, admin, grpc: None, redirect: Vec::new(), bound })
    }

    /// Binds the addresses where requests are redirected to https.
    ///
    /// # Errors
    /// The first address that cannot be bound.
    pub fn redirect(
        mut self,
        addresses: &[SocketAddr],
        setting: &'static str,
    ) -> Result<Self, BindError> {
        for address in addresses {
            let socket = bind(&mut self.bound, *address, setting, self.backlog)?;
            self.redirect.push(socket);
        }
        Ok(self)
    }

    /// Binds one more address for portal traffic.
    ///
    /// # Errors
    /// When it cannot be bound.
    pub fn add(&mut self, address: SocketAddr, setting: &'static str) -> Result<(), BindError> {
        self.gateway.push(bind_tcp(address, setting, self.backlog)?);
        Ok(())
    }

    /// Binds the address at which other proxies ask over gRPC.
    ///
    /// # Errors
    /// When it cannot be bound.
    pub fn add_grpc(
        &mut self,
        address: SocketAddr,
        setting: &'static str,
    ) -> Result<(), BindError> {
        self.grpc = Some(bind(&mut self.bound, address, setting, self.backlog)?);
        Ok(())
    }

    /// The port of the first address for portal traffic: the real one where 0 was asked for.
    #[must_use]
    pub fn gateway_port(&self) -> u16 {
        self.gateway_addresses().first().map_or(0, SocketAddr::port)
    }

    pub(super) fn gateway_addresses(&self) -> Vec<SocketAddr> {
        addresses(&self.gateway)
    }

    pub(super) fn redirect_addresses(&self) -> Vec<SocketAddr> {
        addresses(&self.redirect)
    }
}

fn addresses(sockets: &[TcpListener]) -> Vec<SocketAddr> {
    sockets.iter().filter_map(|socket| socket.local_addr().ok()).collect()
}

/// Binds an address, and notes it in `bound`. An address in use that is one of those is named.
fn bind(
    bound: &mut Vec<(SocketAddr, &'static str)>,
    address: SocketAddr,
    setting: &'static str,
    backlog: u16,
) -> Result<TcpListener, BindError> {
    let earlier = bound.iter().find(|(earlier, _)| overlap(*earlier, address));
    let socket = bind_tcp(address, setting, backlog).map_err(|error| match earlier {
        Some((earlier, by)) if error.is_in_use() => {
            BindError::Overlap { address, setting, earlier: *earlier, by }
        }
        _ => error,
    })?;
    bound.push((address, setting));
    Ok(socket)
}
