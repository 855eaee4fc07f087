//! The TCP sockets, bound before anything else is opened.

use std::net::{SocketAddr, TcpListener};

use crate::net::{BindError, bind_tcp};

/// Sockets that are bound. Connections wait until the gateway runs.
#[derive(Debug)]
pub struct Sockets {
    backlog: u16,
    pub(super) gateway: Vec<TcpListener>,
    pub(super) admin: TcpListener,
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
        let gateway = gateway.iter().map(|address| bind_tcp(*address, setting, backlog));
        let gateway = gateway.collect::<Result<_, _>>()?;
        Ok(Self { backlog, gateway, admin: bind_tcp(admin, admin_setting, backlog)? })
    }

    /// Binds one more address for portal traffic.
    ///
    /// # Errors
    /// When it cannot be bound.
    pub fn add(&mut self, address: SocketAddr, setting: &'static str) -> Result<(), BindError> {
        self.gateway.push(bind_tcp(address, setting, self.backlog)?);
        Ok(())
    }

    /// The port of the first address for portal traffic: the real one where 0 was asked for.
    #[must_use]
    pub fn gateway_port(&self) -> u16 {
        self.gateway_addresses().first().map_or(0, SocketAddr::port)
    }

    pub(super) fn gateway_addresses(&self) -> Vec<SocketAddr> {
        self.gateway.iter().filter_map(|socket| socket.local_addr().ok()).collect()
    }
}
