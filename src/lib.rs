//! Portcullis: an authorization gateway for a portal that cannot be changed.
//!
//! # The rooms
//!
//! Each module below is a room. From the bottom up; a room uses those below it, and never one
//! above:
//!
//! | room | what happens there |
//! |---|---|
//! | [`portcullis_policy`] | the policy files become routes and permissions; [`portcullis_policy::decide`] answers |
//! | [`portcullis_store`] | records on disk, commits, and the feed that tells of them |
//! | [`portcullis_http1`] | HTTP/1.1 as the portal is spoken to, and nothing else |
//! | [`clock`], [`random`] | the only places that ask for the time and for chance |
//! | [`email`] | what an email address is |
//! | [`tasks`] | long-running tasks, none of which ends unnoticed |
//! | [`credential`] | passwords, codes, tokens and links are made and judged; failures are counted |
//! | [`config`] | the operator's settings |
//! | [`web`] | what our own pages are made of: cookies, forms, headers, addresses |
//! | [`directory`] | organizations, people, groups; every rule about them |
//! | [`session`] | who is signed in, since when, and for how long still |
//! | [`authz`] | whether a request may go to the portal, and what is recorded of that |
//! | [`proxy`] | a request is forwarded, or answered in place of the portal |
//! | [`portal_pages`], [`admin`], [`mail`] | what portal users see, what operators ask, what is sent |
//! | [`net`] | connections, TLS, threads, the end |
//! | [`app`] | all of it put together |
//! | [`demo`], [`cli`] | the sample portal; the commands |
//! | [`telemetry`] | the log that operators read |
//!
//! # The life of a request
//!
//! A connection is accepted by [`net`] and stays on one thread. [`proxy`] takes its requests
//! one by one. It first reads target and host into the one spelling that each has
//! ([`portcullis_policy::RequestTarget`], [`portcullis_policy::Host`]), or answers 400. It takes the snapshot of policy,
//! groups and preferences that is in force ([`directory::Snapshot`]) and keeps to it. Whatever is
//! under `/.portcullis/` is answered by [`portal_pages`]. For all else [`session`] turns the cookie into a
//! [`portcullis_policy::Subject`], with what is true of that person at this moment, and [`portcullis_policy::decide`]
//! decides. An allowance is a [`portcullis_policy::Permit`], which nothing else can make and without which
//! nothing is forwarded. Everything but an allowance is a page, a redirect or a refusal. One line in the
//! decision record says what was decided and why.
//!
//! Changes come in by [`admin`] and [`portal_pages`], are judged in [`directory`], and are answered once
//! they are on disk and every copy in memory has followed.
//!
//! `docs/architecture.md` has the reasons, the invariants, and the tests that show them.

#![forbid(unsafe_code)]

pub mod admin;
pub mod app;
pub mod authz;
pub mod cli;
pub mod clock;
pub mod config;
pub mod credential;
pub mod demo;
pub mod directory;
pub mod email;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod mail;
pub mod net;
pub mod portal_pages;
pub mod proxy;
pub mod random;
pub mod session;
pub mod tasks;
pub mod telemetry;
pub mod web;
