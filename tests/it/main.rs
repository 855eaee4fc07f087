//! Black-box tests: the real program between real sockets, before a portal that records every byte
//! it is sent. They need no program beyond the gateway, but for a mail server in Python.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that cannot go on fails"
)]

#[path = "../support/mod.rs"]
mod support;

mod admin;
mod forward_auth;
mod forward_auth_grpc;
mod forward_auth_grpc_limits;
mod operations;
mod pages;
mod proxy;
mod rules;
