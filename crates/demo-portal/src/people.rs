//! The home page, contacts, profile, appointments, and the back office.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::input::{Address, Fields};
use super::page::{self, Block, Cell, OPERATOR, Page, text};
use super::portal::Portal;
use super::records::{Appointment, Contact, push};
use super::visitor::Visitor;

/// The form for a new contact.
#[derive(Debug, Deserialize)]
pub(super) struct NewContact {
    name: String,
    email: String,
}

/// The form of the profile.
#[derive(Debug, Deserialize)]
pub(super) struct ProfileChange {
    display_name: String,
    telephone: String,
}

/// The form for an appointment.
#[derive(Debug, Deserialize)]
pub(super) struct NewAppointment {
    day: String,
    subject: String,
}

pub(super) async fn home(visitor: Visitor) -> Response {
    Page::new("Home")
        .lead(greeting(&visitor))
        .text(format!(
            "This is the customer portal of {OPERATOR}. Choose a section above, or tell us \
             what you need."
        ))
        .with(Block::Ways(vec![
            ("/tickets/new", "Create a ticket"),
            ("/appointments/new", "Request an appointment"),
        ]))
        .with(Block::Heading("Service status".to_owned()))
        .text("All systems are operational. The next maintenance is on the first Sunday of the month.")
        .show(&visitor)
}

pub(super) async fn contacts(State(portal): State<Portal>, visitor: Visitor) -> Response {
    let contacts = portal.account(&visitor, |account| account.contacts.clone());
    let rows = contacts
        .into_iter()
        .map(|contact| {
            let action = format!("/contacts/{}/remove", contact.number);
            vec![text(contact.name), text(contact.email), Cell::Button { action, text: "Remove" }]
        })
        .collect();
    let form = page::Form::new("/contacts", "Add").field("text", "name", "Name", "").field(
        "email",
        "email",
        "Email address",
        "",
    );
    Page::new("Contacts")
        .lead("The people we may call at your organization.")
        .table(&["Name", "Email address", ""], rows)
        .with(Block::Form(form))
        .show(&visitor)
}

pub(super) async fn add_contact(
    State(portal): State<Portal>,
    visitor: Visitor,
    Fields(NewContact { name, email }): Fields<NewContact>,
) -> Redirect {
    portal.account(&visitor, |account| {
        let number = account.next_number();
        push(&mut account.contacts, Contact { number, name, email });
    });
    Redirect::to("/contacts")
}

pub(super) async fn remove_contact(
    State(portal): State<Portal>,
    visitor: Visitor,
    Address(number): Address<u32>,
) -> Redirect {
    portal.account(&visitor, |account| account.contacts.retain(|c| c.number != number));
    Redirect::to("/contacts")
}

pub(super) async fn profile(State(portal): State<Portal>, visitor: Visitor) -> Response {
    let profile = portal.account(&visitor, |account| {
        account.profiles.iter().find(|p| visitor.person() == Some(&p.person)).cloned()
    });
    let Some(profile) = profile else {
        return page::missing("Your profile", &visitor);
    };
    let form = page::Form::new("/profile", "Save")
        .field("text", "display_name", "Name", &profile.display_name)
        .field("tel", "telephone", "Telephone", &profile.telephone);
    Page::new("Profile").lead("How we contact you.").with(Block::Form(form)).show(&visitor)
}

pub(super) async fn save_profile(
    State(portal): State<Portal>,
    visitor: Visitor,
    Fields(change): Fields<ProfileChange>,
) -> Redirect {
    portal.account(&visitor, |account| {
        let mine = account.profiles.iter_mut().find(|p| visitor.person() == Some(&p.person));
        if let Some(profile) = mine {
            profile.display_name = change.display_name;
            profile.telephone = change.telephone;
        }
    });
    Redirect::to("/profile")
}

pub(super) async fn appointments(State(portal): State<Portal>, visitor: Visitor) -> Response {
    let appointments = portal.account(&visitor, |account| account.appointments.clone());
    let rows = appointments
        .into_iter()
        .map(|visit| vec![text(visit.day), text(visit.subject), text(visit.person)])
        .collect();
    Page::new("Appointments")
        .lead("Our visits to you.")
        .table(&["Day", "Reason", "Requested by"], rows)
        .with(Block::Form(appointment_form()))
        .show(&visitor)
}

pub(super) async fn new_appointment(visitor: Visitor) -> Response {
    Page::new("Appointment: new")
        .lead("Choose a day. We will confirm by phone.")
        .with(Block::Form(appointment_form()))
        .show(&visitor)
}

pub(super) async fn request_appointment(
    State(portal): State<Portal>,
    visitor: Visitor,
    Fields(NewAppointment { day, subject }): Fields<NewAppointment>,
) -> Response {
    // A visitor who may request a visit may not list them, so there is no redirect to the list.
    let page = Page::new("Appointment requested")
        .lead(format!("Thank you. We will confirm {day} by phone."))
        .text(subject.clone());
    portal.account(&visitor, |account| {
        let person = visitor.name().to_owned();
        push(&mut account.appointments, Appointment { day, subject, person });
    });
    (StatusCode::CREATED, page.show(&visitor)).into_response()
}

/// The visitor's identity as JSON.
pub(super) async fn api_me(visitor: Visitor) -> Json<serde_json::Value> {
    Json(serde_json::json!({
        "user": visitor.user,
        "organization": visitor.organization,
        "end_user": visitor.end_user,
        "group": visitor.group,
        "granted": visitor.granted,
        "session_kind": visitor.session_kind,
        "request_id": visitor.request_id,
    }))
}

/// The page of the portal's staff, open to every request. The gateway's policy denies it to all.
pub(super) async fn back_office(State(portal): State<Portal>, visitor: Visitor) -> Response {
    let rows = portal.organizations().into_iter().map(|name| vec![text(name)]).collect();
    Page::new("Back office")
        .lead("All customers. Customers must never see this page.")
        .table(&["Organization"], rows)
        .show(&visitor)
}

fn appointment_form() -> page::Form {
    page::Form::new("/appointments", "Request").field("date", "day", "Day", "").field(
        "text",
        "subject",
        "What is it about?",
        "",
    )
}

fn greeting(visitor: &Visitor) -> String {
    match &visitor.user {
        Some(user) => format!("Good day, {user}."),
        None => "Good day.".to_owned(),
    }
}
