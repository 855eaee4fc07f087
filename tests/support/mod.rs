//! What the black-box tests share: the gateway as a process, its portal, and its clients.
//!
//! [`gate::TestGate`] starts a gateway for one test; [`program::Home`] is a folder in which it can
//! be stopped, killed and started again. [`upstream::Upstream`] is the portal and records every
//! byte it is sent. [`client`] sends valid HTTP, [`wire`] sends bytes, [`grpc`] asks as Envoy does, [`browser::Browser`] keeps
//! cookies and submits forms, [`websocket`] holds connections open, [`chrome::Chrome`] is Chromium, [`admin::Admin`] calls the admin API.
//!
//! When a test ends, the gate checks what must hold in all of them: nothing panicked, no session
//! token was logged or forwarded, and the portal was sent no request that it could read in two ways.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub(crate) mod admin;
pub(crate) mod admin_ui;
pub(crate) mod authenticator;
pub(crate) mod browser;
pub(crate) mod chrome;
pub(crate) mod client;
pub(crate) mod gate;
pub(crate) mod grpc;
pub(crate) mod http1;
pub(crate) mod mailbox;
pub(crate) mod portal_tls;
pub(crate) mod program;
pub(crate) mod smtp;
pub(crate) mod upstream;
pub(crate) mod websocket;
pub(crate) mod wire;
