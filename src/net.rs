//! The network side: listening sockets, TLS, connections, and the pingora server that runs them.
//!
//! This is the only module that uses pingora's types. pingora gives each part a service with a
//! runtime of its own and checks the portal's servers. rustls does TLS and hyper speaks HTTP, on
//! connections accepted from our own sockets, each of which stays on one thread.
//!
//! A connection, in the order of its life:
//!
//! | module | |
//! |---|---|
//! | `socket` | binds the listening sockets |
//! | `gateway_listener`, `admin_listener` | the sockets of each plane |
//! | `client_socket` | the sockets of portal traffic: TCP and Unix |
//! | `acceptor` | accepts connections for the gateway |
//! | `redirect_listener` | redirects to https |
//! | `read_ahead` | reads what shows how to go on |
//! | `proxy_protocol`, `proxy_header` | whose connection it is, according to a load balancer |
//! | `workers` | which thread serves the next connection |
//! | `watchdog` | reports to the service manager that all of them do |
//! | `connection_tracker` | limits open connections; shutdown waits for them |
//! | `certificate_files`, `certificate_resolver` | which certificate a client gets |
//! | `tls`, `http` | TLS, protocol detection, hyper |
//! | `grpc` | the same for proxies that ask over gRPC |
//! | `timed_stream`, `http2_idle`, `stream_timeout` | timeouts |
//! | `connection_state` | what the timeouts and a shutdown know of a connection |
//! | `request_head`, `response_body`, `send_progress`, `trailers` | what hyper does not do for requests and responses |
//! | `drive` | runs a connection to its end |
//! | `keep_alive` | gives memory back while a client sends nothing |
//! | `lingering_close` | reads on after the last response |
//! | `health_checks` | checks of the portal's servers |
//! | `server_runtime` | all of it as services; graceful shutdown |

mod acceptor;
mod admin_listener;
mod certificate_files;
mod certificate_resolver;
mod client_socket;
mod connection_state;
mod connection_tracker;
mod drive;
#[cfg(test)]
mod fixture;
mod gateway_listener;
mod grpc;
mod health_checks;
mod http;
mod http2_idle;
mod keep_alive;
mod lingering_close;
mod proxy_header;
mod proxy_protocol;
mod read_ahead;
mod redirect_listener;
mod request_head;
mod response_body;
mod send_progress;
mod server_runtime;
mod socket;
mod stream_timeout;
mod timed_stream;
mod tls;
mod trailers;
mod watchdog;
mod workers;

pub use self::admin_listener::AdminListener;
pub use self::certificate_files::TlsError;
pub use self::client_socket::ListeningSocket;
pub use self::connection_tracker::ConnectionTracker;
pub use self::gateway_listener::GatewayListener;
pub use self::grpc::{GrpcServer, Readiness};
pub use self::health_checks::HealthChecks;
pub use self::http::HttpServer;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use self::proxy_header::check as check_proxy_header;
pub use self::proxy_protocol::ProxyProtocol;
pub use self::redirect_listener::RedirectListener;
pub use self::server_runtime::ServerRuntime;
pub use self::socket::{BindError, bind_tcp, bind_unix};
pub use self::tls::ServerTls;
