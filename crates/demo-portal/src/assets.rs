//! Assets: the devices of an organization.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::input::{Address, Fields};
use super::page::{self, Block, Cell, Page, link, missing, text};
use super::portal::Portal;
use super::records::{Asset, push};
use super::visitor::Visitor;

/// The permission for the assets of the whole organization.
const ALL: &str = "assets.view_all";

/// The form on an asset's page.
#[derive(Debug, Deserialize)]
pub(super) struct Script {
    script: String,
}

pub(super) async fn list(State(portal): State<Portal>, visitor: Visitor) -> Response {
    let assets: Vec<Asset> = portal.account(&visitor, |account| {
        let seen = account.assets.iter().filter(|asset| visitor.sees(&asset.user, ALL));
        seen.map(|asset| Asset { user: account.name_of(&asset.user), ..asset.clone() }).collect()
    });
    let rows = assets
        .into_iter()
        .map(|asset| {
            let number = asset.number.to_string();
            vec![
                Cell::Number(number.clone()),
                link("/assets", &number, asset.name),
                text(asset.user),
                Cell::Link { href: format!("/assets/{number}/remote"), text: "Connect".to_owned() },
            ]
        })
        .collect();
    let whose =
        if visitor.has(ALL) { "All devices of your organization." } else { "Your devices." };
    Page::new("Assets")
        .lead(whose)
        .table(&["No.", "Device", "Used by", "Remote access"], rows)
        .show(&visitor)
}

pub(super) async fn view(
    State(portal): State<Portal>,
    visitor: Visitor,
    Address(number): Address<u32>,
) -> Response {
    let Some(asset) = find(&portal, &visitor, number).filter(|a| visitor.sees(&a.user, ALL)) else {
        return missing("This device", &visitor);
    };
    let user = portal.account(&visitor, |account| account.name_of(&asset.user));
    let form = page::Form::new(format!("/assets/{number}/scripts"), "Run").field(
        "text",
        "script",
        "Script",
        "restart-print-spooler",
    );
    Page::new(format!("Asset {number}"))
        .lead(asset.name)
        .with(Block::Facts(vec![("Used by", user), ("State", "online".to_owned())]))
        .with(Block::Heading("Scripts run".to_owned()))
        .table(
            &["Script"],
            asset.scripts_run.into_iter().map(|script| vec![text(script)]).collect(),
        )
        .with(Block::Form(form))
        .show(&visitor)
}

/// Runs any script on any device of the organization. Only the gateway checks permissions.
pub(super) async fn run_script(
    State(portal): State<Portal>,
    visitor: Visitor,
    Address(number): Address<u32>,
    Fields(Script { script }): Fields<Script>,
) -> Response {
    let found = portal.account(&visitor, |account| {
        let asset = account.assets.iter_mut().find(|asset| asset.number == number)?;
        push(&mut asset.scripts_run, script);
        Some(())
    });
    match found {
        Some(()) => Redirect::to(&format!("/assets/{number}")).into_response(),
        None => missing("This device", &visitor),
    }
}

pub(super) async fn remote(
    State(portal): State<Portal>,
    visitor: Visitor,
    Address(number): Address<u32>,
) -> Response {
    let Some(asset) = find(&portal, &visitor, number) else {
        return missing("This device", &visitor);
    };
    Page::new(format!("Asset {number}: remote access"))
        .lead(format!("You are connected to {}.", asset.name))
        .text("The screen of the device would be shown here.")
        .show(&visitor)
}

fn find(portal: &Portal, visitor: &Visitor, number: u32) -> Option<Asset> {
    portal.account(visitor, |account| account.assets.iter().find(|a| a.number == number).cloned())
}
