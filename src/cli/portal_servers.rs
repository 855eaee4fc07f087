//! `portcullis portal-servers`: the portal's servers, and draining.

use anyhow::anyhow;
use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use super::client::ApiError;
use super::console::{Console, Request, field, text};
use super::impact::counted;
use super::status::server_condition;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the portal's servers, with the requests that each works on
    List,
    /// Give a server no new requests; those that it works on continue
    Drain {
        /// The server's address, as `list` shows it
        address: String,
    },
    /// Give a server that is draining requests again
    Resume {
        /// The server's address, as `list` shows it
        address: String,
    },
}

impl Command {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        match self {
            Self::List => {
                let servers = console.get(&["portal-servers"])?;
                let header = ["ADDRESS", "UPSTREAM", "WEIGHT", "REQUESTS", "STATE"];
                console.table(&servers, header, |server| {
                    let [address, upstream, weight, requests] =
                        ["address", "upstream", "weight", "requests"]
                            .map(|name| text(server, name));
                    [address, upstream, weight, requests, server_condition(server)]
                })
            }
            Self::Drain { address } => {
                console.intends(&format!("give {address} no new requests"));
                let server = change(console, &address, true)?;
                let open = field(&server, "requests").as_u64().unwrap_or(0);
                let open = counted(usize::try_from(open).unwrap_or(usize::MAX), "open request");
                let sentence = format!(
                    "{address} gets no new requests, until `portcullis portal-servers resume \
                     {address}` or a restart of the gateway. It has {open}; `portcullis \
                     portal-servers list` shows how many are still open."
                );
                console.report(&server, &sentence)
            }
            Self::Resume { address } => {
                console.intends(&format!("give {address} requests again"));
                let server = change(console, &address, false)?;
                console.report(&server, &format!("{address} gets requests again."))
            }
        }
    }
}

fn change(console: &Console<'_>, address: &str, draining: bool) -> anyhow::Result<Value> {
    let (path, body) = (["portal-servers", address], json!({ "draining": draining }));
    let request = Request { body: Some(&body), ..Request::new(Method::PATCH, &path) };
    console.write(&request).map_err(|error| match error.downcast_ref::<ApiError>() {
        Some(missing) if missing.is("not-found") => {
            anyhow!("{missing}; list them with `portcullis portal-servers list`")
        }
        _ => error,
    })
}
