//! The whole program, as its users meet it: a real `portcullis serve` between real sockets, before
//! a portal that takes down every byte it is sent.
//!
//! [`gate::TestGate`] starts the program, [`upstream::Upstream`] is the portal, [`client`] and
//! [`wire`] speak to it politely and impolitely. When a test ends, the gate checks by itself what
//! must hold in all of them: nothing panicked, no session token was logged or forwarded, and the
//! portal was never sent a request that it could read in two ways.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that cannot go on fails"
)]

mod admin;
mod browser;
mod chrome;
mod client;
mod cross_origin;
mod gate;
mod http1;
mod mailbox;
mod program;
mod slow_clients;
mod smtp;
mod store;
mod upstream;
mod wire;

mod bodies;
mod bounds;
mod branding;
mod cli;
mod demo;
mod dokuwiki;
mod durability;
mod framing;
mod freshness;
mod garbage;
mod headers;
mod hosts;
mod identity;
mod limits;
mod lockouts;
mod log_lost;
mod long_polls;
mod mail;
mod odd_messages;
mod pages_in_chrome;
mod pages_look;
mod passwords_in_chrome;
mod policy_reload;
mod portal_connections;
mod portal_cookies;
mod portal_trouble;
mod portals;
mod protocols;
mod readings;
mod rules_groups;
mod rules_invitations;
mod rules_links;
mod rules_mfa;
mod rules_people;
mod rules_resets;
mod shipped;
mod shutdown;
mod targets;
mod websockets;
