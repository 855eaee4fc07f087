//! `lockouts`: who may not try to sign in now.

use std::net::IpAddr;

use axum::extract::State;
use serde::Deserialize;

use super::AdminState;
use super::answer::{Answer, done, shown};
use super::problem::Problem;
use super::request::{Id, Params};
use crate::clock;
use crate::directory::Page;
use crate::directory::lockouts::Release;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReleaseParams {
    login: Option<String>,
    address: Option<IpAddr>,
}

pub(super) async fn list(State(admin): State<AdminState>) -> Answer {
    shown(&Page { items: admin.directory.lockouts(clock::now()), next: None })
}

pub(super) async fn release_of(
    State(admin): State<AdminState>,
    Params(params): Params<ReleaseParams>,
) -> Answer {
    match params {
        ReleaseParams { login: Some(login), address: None } => {
            admin.release(Release::Login(&login), &login)
        }
        ReleaseParams { login: None, address: Some(address) } => {
            admin.release(Release::Address(address), &address.to_string())
        }
        ReleaseParams { .. } => Err(Problem::invalid("login", "name a login or an address")),
    }
}

pub(super) async fn release(State(admin): State<AdminState>, Id(id): Id) -> Answer {
    admin.release(Release::Id(&id), &id)
}

impl AdminState {
    fn release(&self, what: Release<'_>, name: &str) -> Answer {
        if self.directory.release(what) { done() } else { Err(Problem::no_such("lockout", name)) }
    }
}
