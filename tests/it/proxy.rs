//! Portal traffic: what is decided, what the portal is sent, and what clients get back.

mod bodies;
mod cross_origin;
mod disclosure;
mod framing;
mod freshness;
mod garbage;
mod headers;
mod hosts;
mod hsts;
mod identity;
mod limits;
mod long_polls;
mod odd_messages;
mod portal_connections;
mod portal_cookies;
mod portal_failures;
mod protocols;
mod readings;
mod records;
mod route_limits;
mod slow_clients;
mod targets;
mod tokens;
mod upstreams;
mod websockets;
mod work_limits;
