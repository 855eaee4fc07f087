//! Tickets: the visitor's own, or those of the whole organization, depending on
//! `Portcullis-Granted`.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Json, http::StatusCode};
use serde::Deserialize;

use super::input::{Address, Fields};
use super::page::{self, Block, Cell, Page, link, missing, text};
use super::portal::Portal;
use super::records::{Comment, Ticket, push};
use super::visitor::Visitor;

/// The permission for the tickets of the whole organization.
const ALL: &str = "tickets.view_all";

/// The form for a new ticket.
#[derive(Debug, Deserialize)]
pub(super) struct NewTicket {
    subject: String,
    #[serde(default)]
    text: String,
}

/// The form below a ticket.
#[derive(Debug, Deserialize)]
pub(super) struct NewComment {
    text: String,
}

pub(super) async fn list(State(portal): State<Portal>, visitor: Visitor) -> Response {
    let rows = visible(&portal, &visitor)
        .into_iter()
        .map(|ticket| {
            vec![
                Cell::Number(ticket.number.to_string()),
                link("/tickets", &ticket.number.to_string(), ticket.subject),
                text(ticket.requester),
                text(ticket.status),
                Cell::Number(page::grouped(ticket.comments.len() as u64)),
            ]
        })
        .collect();
    let whose =
        if visitor.has(ALL) { "All tickets of your organization." } else { "Your tickets." };
    Page::new("Tickets")
        .lead(whose)
        .table(&["No.", "Subject", "From", "State", "Comments"], rows)
        .with(Block::Heading("Something else?".to_owned()))
        .with(Block::Form(form()))
        .show(&visitor)
}

pub(super) async fn new(visitor: Visitor) -> Response {
    Page::new("Ticket: new")
        .lead("Tell us what happened and what you expected.")
        .with(Block::Form(form()))
        .show(&visitor)
}

pub(super) async fn create(
    State(portal): State<Portal>,
    visitor: Visitor,
    Fields(ticket): Fields<NewTicket>,
) -> Response {
    let requester = (visitor.person().unwrap_or("a visitor"), visitor.name());
    let number = portal
        .account(&visitor, |account| account.add_ticket(requester, &ticket.subject, &ticket.text));
    // A visitor with a secure link may create tickets and not read them, so there is no redirect.
    let page = Page::new(format!("Ticket {number} received"))
        .lead("Thank you. We will reply within one working day.")
        .text(ticket.subject);
    let location = format!("/tickets/{number}");
    (StatusCode::CREATED, [("location", location)], page.show(&visitor)).into_response()
}

pub(super) async fn view(
    State(portal): State<Portal>,
    visitor: Visitor,
    Address(number): Address<u32>,
) -> Response {
    let Some(ticket) = visible(&portal, &visitor).into_iter().find(|t| t.number == number) else {
        return missing("This ticket", &visitor);
    };
    let mut page = Page::new(format!("Ticket {number}")).lead(ticket.subject);
    for comment in ticket.comments {
        page = page.with(Block::Heading(comment.author)).text(comment.text);
    }
    let form = page::Form::new(format!("/tickets/{number}/comments"), "Comment").field(
        "textarea",
        "text",
        "Your comment",
        "",
    );
    page.with(Block::Form(form)).show(&visitor)
}

pub(super) async fn comment(
    State(portal): State<Portal>,
    visitor: Visitor,
    Address(number): Address<u32>,
    Fields(comment): Fields<NewComment>,
) -> Response {
    let found = portal.account(&visitor, |account| {
        let ticket = account
            .tickets
            .iter_mut()
            .find(|t| t.number == number && visitor.sees(&t.requester, ALL))?;
        let author = visitor.name().to_owned();
        push(&mut ticket.comments, Comment { author, text: comment.text });
        Some(())
    });
    match found {
        Some(()) => Redirect::to(&format!("/tickets/{number}")).into_response(),
        None => missing("This ticket", &visitor),
    }
}

/// The list as JSON.
pub(super) async fn api(State(portal): State<Portal>, visitor: Visitor) -> Json<serde_json::Value> {
    let items: Vec<_> = visible(&portal, &visitor)
        .into_iter()
        .map(|ticket| {
            serde_json::json!({
                "number": ticket.number,
                "subject": ticket.subject,
                "requester": ticket.requester,
                "status": ticket.status,
            })
        })
        .collect();
    Json(serde_json::json!({ "items": items }))
}

/// The tickets that the visitor may see, each with the name of its requester.
fn visible(portal: &Portal, visitor: &Visitor) -> Vec<Ticket> {
    portal.account(visitor, |account| {
        let seen = account.tickets.iter().filter(|t| visitor.sees(&t.requester, ALL));
        let named = |t: &Ticket| Ticket { requester: account.name_of(&t.requester), ..t.clone() };
        seen.map(named).collect()
    })
}

fn form() -> page::Form {
    page::Form::new("/tickets", "Send").field("text", "subject", "Subject", "").field(
        "textarea",
        "text",
        "What happened",
        "",
    )
}
