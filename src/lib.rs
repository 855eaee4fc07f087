//! Portcullis: an authorization gateway for a portal that cannot be changed.

#![forbid(unsafe_code)]

pub mod admin;
pub mod cli;
pub mod clock;
pub mod config;
pub mod credential;
pub mod demo;
pub mod directory;
pub mod gateway;
pub mod listener;
pub mod mail;
pub mod pages;
pub mod policy;
pub mod random;
pub mod server;
pub mod session;
pub mod store;
pub mod telemetry;
