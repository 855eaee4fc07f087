//! Portcullis: an authorization gateway for a portal that cannot be changed.
//!
//! # Modules
//!
//! From the bottom up. A module imports only from modules above it in this table (a test checks
//! that):
//!
//! | module | purpose |
//! |---|---|
//! | [`portcullis_policy`] | the policy files as routes and permissions, and the decision, [`portcullis_policy::decide`] |
//! | [`portcullis_store`] | records on disk, atomic commits, the feed of changes |
//! | [`portcullis_http1`] | HTTP/1.1 to the portal |
//! | [`clock`], [`random`] | the only sources of time and randomness |
//! | [`tasks`] | supervision of long-running tasks |
//! | [`telemetry`] | the log, and the metrics |
//! | [`service_manager`] | sockets that systemd passes, and what it is notified of |
//! | [`email`] | email addresses |
//! | [`spreadsheet`] | CSV files as spreadsheets write them |
//! | [`credential`] | passwords, codes, tokens, secure links, lockout, the secret key |
//! | [`config`] | settings |
//! | [`web`] | what our own pages are made of: forms, cookies, security headers, texts |
//! | [`directory`] | organizations, people, groups, preferences, and every rule about them |
//! | [`session`] | sessions, from sign-in to sign-out |
//! | [`authz`] | authorization: a question about a request, and the verdict with its record |
//! | [`proxy`] | requests to the portal: forwarded, or answered in its place |
//! | [`forward_auth`] | answers to other proxies that ask about a request |
//! | [`backup`] | all records in one file |
//! | [`portal_pages`], [`admin`], [`mail`], [`jobs`] | the pages for portal users, the API for operators, mail, bulk changes |
//! | [`net`] | sockets, TLS, connections, threads |
//! | [`app`] | assembly: from settings to a running gateway |
//! | [`check`] | what is wrong with settings, files and policy, and what to warn of |
//! | [`doctor`] | whether a deployment protects its portal, seen from outside and inside |
//! | [`demo`], [`cli`] | `portcullis demo`, and all commands |
//!
//! # The life of a request
//!
//! 1. [`net`] accepts the connection, performs the TLS handshake and keeps it on one thread.
//! 2. [`proxy`] takes its requests one at a time and asks [`authz`] about each. Target and host are
//!    parsed into the one spelling that each has ([`portcullis_policy::RequestTarget`],
//!    [`portcullis_policy::Host`]), or the answer is 400 or 421.
//! 3. [`authz`] takes the current snapshot of policy, groups and preferences ([`directory::Snapshot`]) and
//!    uses that to the end.
//! 4. [`portal_pages`] answers everything under `/.portcullis/`.
//! 5. For everything else, [`session`] looks up the cookie and makes a
//!    [`portcullis_policy::Subject`] of it, with what is true of that person now.
//! 6. [`portcullis_policy::decide`] decides. Only it can make a [`portcullis_policy::Permit`], and
//!    nothing is forwarded without one. Any other decision is answered with a page, a redirect or
//!    a problem document.
//! 7. One decision record says what was decided and why.
//!
//! Changes come in through [`admin`] and [`portal_pages`] and are checked in [`directory`]. A change
//! is answered when it is on disk and every copy in memory has it.
//!
//! `docs/architecture.md` has the reasons, the invariants, and the tests for each.

#![forbid(unsafe_code)]
#![allow(
    unreachable_pub,
    reason = "the modules are private; `pub` is what a module offers to the others"
)]
#![allow(
    rustdoc::private_intra_doc_links,
    reason = "the documentation is built with private items"
)]

mod admin;
mod app;
mod audit;
mod authz;
mod backup;
mod check;
pub mod cli;
mod clock;
mod config;
mod credential;
mod demo;
mod directory;
mod doctor;
mod email;
mod forward_auth;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod jobs;
mod mail;
mod net;
mod portal_pages;
mod proxy;
mod random;
mod service_manager;
mod session;
mod spreadsheet;
mod tasks;
mod telemetry;
mod web;
