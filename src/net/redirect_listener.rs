//! The sockets in clear text where requests for served hosts are redirected to https, and nothing
//! else is served.

use std::net::TcpListener;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use futures_util::future::join_all;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use pingora_core::server::{ListenFds, ShutdownWatch};
use pingora_core::services::Service;

use super::admin_listener::{Served, accept};
use super::connection_tracker::ConnectionTracker;
use super::proxy_protocol::ProxyProtocol;
use crate::config::{Limits, ServedHosts, Server};
use crate::tasks::Tasks;

/// Sockets where requests are redirected to https.
#[derive(Debug)]
pub struct RedirectListener {
    /// Sockets that listen, in non-blocking mode.
    sockets: Vec<TcpListener>,
    hosts: ServedHosts,
    proxy_protocol: ProxyProtocol,
    limits: Limits,
}

/// The pingora service. It runs on one thread of its own.
pub(super) struct RedirectService {
    sockets: Vec<TcpListener>,
    served: Served,
    connections: ConnectionTracker,
    tasks: Tasks,
}

impl RedirectListener {
    /// Redirects what comes to these sockets. `None` without any.
    #[must_use]
    pub fn new(
        server: &Server,
        sockets: Vec<TcpListener>,
        proxy_protocol: ProxyProtocol,
    ) -> Option<Self> {
        let (hosts, limits) = (ServedHosts::new(server), server.limits);
        (!sockets.is_empty()).then_some(Self { sockets, hosts, proxy_protocol, limits })
    }

    /// A service with a limit on connections of its own, which take part in the shutdown of
    /// `connections`.
    pub(super) fn into_service(
        self,
        connections: &ConnectionTracker,
        tasks: Tasks,
    ) -> RedirectService {
        let Self { sockets, hosts, proxy_protocol, limits } = self;
        let hosts = Arc::new(hosts);
        let router = Router::new().fallback(move |request: Request<Body>| {
            let answer = redirect(&hosts, &request);
            async move { answer }
        });
        let connections = connections.with_limit(limits.connections);
        let served = Served { tls: None, router, proxy_protocol, limits };
        RedirectService { sockets, served, connections, tasks }
    }
}

#[async_trait]
impl Service for RedirectService {
    async fn start_service(
        &mut self,
        _fds: Option<ListenFds>,
        _shutdown: ShutdownWatch,
        _listeners_per_fd: usize,
    ) {
        let sockets = std::mem::take(&mut self.sockets);
        let stop = self.tasks.stop();
        let accepting = sockets.into_iter().map(|socket| {
            let (served, connections) = (self.served.clone(), self.connections.clone());
            async move {
                match tokio::net::TcpListener::from_std(socket) {
                    Ok(socket) => {
                        accept(socket, served, |peer| peer.ip().into(), connections, stop).await;
                    }
                    Err(error) => tracing::error!(%error, "cannot use a listening socket"),
                }
            }
        });
        let serving = async {
            join_all(accepting).await;
        };
        self.tasks.clone().supervise("redirect listener", serving).await;
    }

    fn name(&self) -> &str {
        "redirect"
    }

    fn threads(&self) -> Option<usize> {
        Some(1)
    }
}

/// The answer to a request: the same path and query at the same host by https. Only served hosts are
/// redirected to, so no link leads through the gateway to another site.
fn redirect(hosts: &ServedHosts, request: &Request<Body>) -> Response<Body> {
    let (status, location) = match location(hosts, request) {
        Ok(location) => (StatusCode::PERMANENT_REDIRECT, Some(location)),
        Err(status) => (status, None),
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    if let Some(location) = location {
        headers.insert(header::LOCATION, location);
    }
    response
}

/// Where a request is redirected to; otherwise the status of its refusal.
fn location<B>(hosts: &ServedHosts, request: &Request<B>) -> Result<HeaderValue, StatusCode> {
    if request.method() == Method::CONNECT {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    let mut fields = request.headers().get_all(header::HOST).iter();
    let field = match (fields.next(), fields.next()) {
        (Some(field), None) => field.as_bytes(),
        // A request of HTTP/1.1 has exactly one (RFC 9112, section 3.2).
        (_, _) => return Err(StatusCode::BAD_REQUEST),
    };
    // That of the target takes precedence.
    let field = request.uri().authority().map(Authority::as_str).map_or(field, str::as_bytes);
    let found = hosts.find(field).map_err(|_| StatusCode::MISDIRECTED_REQUEST)?;
    let target = request.uri().path_and_query().map(PathAndQuery::as_str);
    let target = target.filter(|target| target.starts_with('/')).ok_or(StatusCode::BAD_REQUEST)?;
    let host = hosts.get(&found).value().to_str().map_err(|_| StatusCode::BAD_REQUEST)?;
    HeaderValue::try_from(format!("https://{host}{target}")).map_err(|_| StatusCode::BAD_REQUEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, target: &str, hosts: &[&str]) -> Request<()> {
        let mut request = Request::builder().method(method).uri(target);
        for host in hosts {
            request = request.header("host", *host);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn served_hosts_are_redirected_with_path_and_query() {
        let hosts = ServedHosts::parsed(
            "https://portal.test:8443",
            &["other.test", "*.acme.test", "default.test:443"],
        );
        for (method, target, host, expected) in [
            ("GET", "/", "portal.test", "https://portal.test:8443/"),
            (
                "GET",
                "/a%2Fb?c=d&e=%20",
                "PORTAL.test:80",
                "https://portal.test:8443/a%2Fb?c=d&e=%20",
            ),
            ("POST", "/?q", "other.test", "https://other.test:8443/?q"),
            ("HEAD", "//elsewhere.test", "b.acme.test", "https://b.acme.test:8443//elsewhere.test"),
            ("GET", "/a", "default.test", "https://default.test/a"),
            ("GET", "http://other.test/a", "elsewhere.test", "https://other.test:8443/a"),
        ] {
            let found = location(&hosts, &request(method, target, &[host]));
            assert_eq!(found.unwrap(), expected, "{method} {target} {host}");
        }
    }

    #[test]
    fn other_hosts_are_not_redirected() {
        let hosts = ServedHosts::parsed("https://portal.test", &["*.acme.test"]);
        for (method, target, fields, expected) in [
            ("GET", "/", &["elsewhere.test"][..], StatusCode::MISDIRECTED_REQUEST),
            ("GET", "/", &["a.b.acme.test"], StatusCode::MISDIRECTED_REQUEST),
            ("GET", "/", &["portal.test@elsewhere.test"], StatusCode::MISDIRECTED_REQUEST),
            ("GET", "/", &[""], StatusCode::MISDIRECTED_REQUEST),
            ("GET", "http://elsewhere.test/", &["portal.test"], StatusCode::MISDIRECTED_REQUEST),
            ("GET", "/", &[], StatusCode::BAD_REQUEST),
            ("GET", "/", &["portal.test", "portal.test"], StatusCode::BAD_REQUEST),
            ("OPTIONS", "*", &["portal.test"], StatusCode::BAD_REQUEST),
            ("CONNECT", "portal.test:443", &["portal.test"], StatusCode::METHOD_NOT_ALLOWED),
        ] {
            let found = location(&hosts, &request(method, target, fields));
            assert_eq!(found.unwrap_err(), expected, "{method} {target} {fields:?}");
        }
    }
}
