//! The gRPC services of the gateway: messages, servers and clients.
//!
//! The modules are generated from `proto/` by `scripts/grpc.sh`, and checked in so that a build needs
//! no compiler of protocol buffers. The gateway uses the servers, and its tests the clients.

/// Envoy's external authorization (`ext_authz`), version 3: the part that the gateway uses.
pub mod ext_authz;
/// gRPC's health checks.
pub mod health;

pub use prost_types::{Struct, Value, value};
pub use tonic;
