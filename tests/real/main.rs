//! Black-box tests with programs that are large to install: Chromium, DokuWiki, django-helpdesk,
//! Node-RED, Tomcat, git, WordPress, Request Tracker, Fail2Ban, promtool, Schemathesis, and portals in Express,
//! Django and PHP.
//! `make real` installs them and runs these tests; `cargo test` alone does not.

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

mod browser;
mod fail2ban;
mod portals;
mod prometheus;
mod schemathesis;
