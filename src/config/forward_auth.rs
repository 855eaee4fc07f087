//! `[forward_auth]`: requests that another proxy asks about before it sends them to the portal.

use std::net::SocketAddr;

use ipnet::IpNet;

use super::reader::Reader;
use super::server::{ForwardedHeader, Server, networks};
use super::value::Address;

/// `[forward_auth]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardAuth {
    /// `forward_auth.enabled`: whether proxies in `server.trusted_proxies` are answered.
    pub enabled: bool,
    /// `forward_auth.grpc_listen`: the address at which Envoy asks over gRPC. `None` if it does not.
    pub grpc_listen: Option<SocketAddr>,
    /// `forward_auth.grpc_proxy_protocol`: networks whose connections to `grpc_listen` begin with a
    /// header of the PROXY protocol.
    pub grpc_proxy_protocol: Vec<IpNet>,
}

impl ForwardAuth {
    /// `server`: what `[server]` says, if it is valid.
    pub(super) fn read(r: &mut Reader, server: Option<&Server>) -> Self {
        let key = "forward_auth.enabled";
        let enabled = r.boolean(key, false);
        if let Some(server) = server.filter(|_| enabled) {
            if server.trusted_proxies.is_empty() && r.is_valid("server.trusted_proxies") {
                let message = "requires `server.trusted_proxies`: the networks of the proxies that \
                               ask (e.g. `127.0.0.0/8`)";
                r.problem(key, message.to_owned());
            }
            if server.forwarded_header == ForwardedHeader::Forwarded {
                let message = "requires `server.forwarded_header = \"x-forwarded\"`: proxies ask \
                               with `X-Forwarded-…` fields";
                r.problem(key, message.to_owned());
            }
        }
        let grpc_key = "forward_auth.grpc_listen";
        let grpc_listen = r.parsed::<Address>(grpc_key).map(|Address(address)| address);
        if grpc_listen.is_some() && !enabled && r.is_valid(key) {
            r.problem(grpc_key, format!("requires `{key} = true`"));
        }
        let balancers_key = "forward_auth.grpc_proxy_protocol";
        let grpc_proxy_protocol = networks(r, balancers_key);
        if !grpc_proxy_protocol.is_empty() && grpc_listen.is_none() && r.is_valid(grpc_key) {
            r.problem(balancers_key, format!("requires `{grpc_key}`"));
        }
        Self { enabled, grpc_listen, grpc_proxy_protocol }
    }
}
