//! The sockets for clients, bound before anything else is opened, unless the service manager passes
//! them.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;

use crate::config::ListenAddress;
use crate::net::{BindError, ListeningSocket, bind_tcp, bind_unix};
use crate::service_manager::{PassedSockets, SocketName};

/// The permissions of a Unix socket for portal traffic: its group, which the proxy is in, may connect.
const GATEWAY_MODE: u32 = 0o660;

/// Sockets that are bound. Connections wait until the gateway runs.
#[derive(Debug)]
pub struct Sockets {
    binding: Binding,
    pub(super) gateway: Vec<ListeningSocket>,
    pub(super) admin: TcpListener,
    pub(super) grpc: Option<TcpListener>,
    pub(super) redirect: Vec<TcpListener>,
}

/// What sockets are bound with.
#[derive(Debug)]
struct Binding {
    passed: PassedSockets,
    backlog: u16,
    /// Every TCP address with its setting, as they are written there.
    bound: Vec<(SocketAddr, &'static str)>,
    /// The Unix sockets that were created.
    created: Vec<PathBuf>,
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
    /// Listens on the addresses for portal traffic and for the admin API, each with the setting that
    /// names it. Up to `backlog` connections wait on each socket. Sockets that were passed replace
    /// the addresses.
    ///
    /// # Errors
    /// The first address that cannot be bound.
    pub fn bind(
        passed: PassedSockets,
        (gateway, setting): (&[ListenAddress], &'static str),
        (admin, admin_setting): (SocketAddr, &'static str),
        backlog: u16,
    ) -> Result<Self, BindError> {
        let mut binding = Binding { passed, backlog, bound: Vec::new(), created: Vec::new() };
        let gateway = binding.gateway(gateway, setting)?;
        let admin = match binding.passed.take_named(SocketName::Admin).pop() {
            Some(passed) => passed,
            None => binding.bind(admin, admin_setting)?,
        };
        Ok(Self { binding, gateway, admin, grpc: None, redirect: Vec::new() })
    }

    /// Listens on the addresses where requests are redirected to https.
    ///
    /// # Errors
    /// The first address that cannot be bound, or a socket that was passed without an address.
    pub fn redirect(
        mut self,
        addresses: &[SocketAddr],
        setting: &'static str,
    ) -> Result<Self, BindError> {
        self.redirect = self.binding.listen(SocketName::Redirect, addresses, setting)?;
        Ok(self)
    }

    /// Listens on the address at which other proxies ask over gRPC.
    ///
    /// # Errors
    /// When it cannot be bound, or a socket was passed without an address.
    pub fn grpc(
        mut self,
        address: Option<SocketAddr>,
        setting: &'static str,
    ) -> Result<Self, BindError> {
        self.grpc = self.binding.listen(SocketName::Grpc, address.as_slice(), setting)?.pop();
        Ok(self)
    }

    /// Binds one more address for portal traffic.
    ///
    /// # Errors
    /// When it cannot be bound.
    pub fn add(&mut self, address: SocketAddr, setting: &'static str) -> Result<(), BindError> {
        let socket = bind_tcp(address, setting, self.binding.backlog)?;
        self.gateway.push(ListeningSocket::Tcp(socket));
        Ok(())
    }

    /// The port of the first TCP address for portal traffic: the real one where 0 was asked for.
    #[must_use]
    pub fn gateway_port(&self) -> u16 {
        self.gateway_addresses().iter().find_map(ListenAddress::tcp).map_or(0, |tcp| tcp.port())
    }

    pub(super) fn gateway_addresses(&self) -> Vec<ListenAddress> {
        self.gateway.iter().filter_map(ListeningSocket::address).collect()
    }

    pub(super) fn redirect_addresses(&self) -> Vec<SocketAddr> {
        self.redirect.iter().filter_map(|socket| socket.local_addr().ok()).collect()
    }

    /// The paths of the Unix sockets that were created here, which must be removed in the end.
    pub(super) fn created(&self) -> Vec<PathBuf> {
        self.binding.created.clone()
    }
}

impl Binding {
    /// The sockets for portal traffic that were passed, or new ones on the addresses of the setting.
    fn gateway(
        &mut self,
        addresses: &[ListenAddress],
        setting: &'static str,
    ) -> Result<Vec<ListeningSocket>, BindError> {
        let passed = self.passed.take_named(SocketName::Gateway).into_iter();
        let mut sockets: Vec<_> = passed.map(ListeningSocket::Tcp).collect();
        sockets.extend(self.passed.take_unix().into_iter().map(ListeningSocket::passed));
        if !sockets.is_empty() {
            return Ok(sockets);
        }
        let bind = |address: &ListenAddress| match address {
            ListenAddress::Tcp(address) => self.bind(*address, setting).map(ListeningSocket::Tcp),
            ListenAddress::Unix(path) => {
                let socket = bind_unix(path, (setting, GATEWAY_MODE), self.backlog)?;
                self.created.push(path.clone());
                Ok(ListeningSocket::Unix(socket, path.clone()))
            }
        };
        addresses.iter().map(bind).collect()
    }

    /// The sockets with this name that were passed, or new ones on the addresses of the setting.
    fn listen(
        &mut self,
        name: SocketName,
        addresses: &[SocketAddr],
        setting: &'static str,
    ) -> Result<Vec<TcpListener>, BindError> {
        let passed = self.passed.take_named(name);
        match (&*passed, addresses) {
            ([], _) => addresses.iter().map(|address| self.bind(*address, setting)).collect(),
            ([..], []) => Err(BindError::NotWanted { name, setting }),
            ([..], [..]) => Ok(passed),
        }
    }

    /// Binds an address, and notes it. An address in use that is one of those is named.
    fn bind(
        &mut self,
        address: SocketAddr,
        setting: &'static str,
    ) -> Result<TcpListener, BindError> {
        let earlier = self.bound.iter().find(|(earlier, _)| overlap(*earlier, address));
        let socket = bind_tcp(address, setting, self.backlog).map_err(|error| match earlier {
            Some((earlier, by)) if error.is_in_use() => {
                BindError::Overlap { address, setting, earlier: *earlier, by }
            }
            _ => error,
        })?;
        self.bound.push((address, setting));
        Ok(socket)
    }
}
