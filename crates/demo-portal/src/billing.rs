//! Billing: the account's overview, invoices, estimates, payments, payment methods and contracts.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::input::{Address, Fields};
use super::page::{self, Block, Cell, Page, link, missing, money, text};
use super::portal::Portal;
use super::records::{Named, OPEN, push};
use super::visitor::Visitor;

/// The form for a new payment method.
#[derive(Debug, Deserialize)]
pub(super) struct NewPaymentMethod {
    name: String,
}

pub(super) async fn account(State(portal): State<Portal>, visitor: Visitor) -> Response {
    let (due, open, tickets, assets) = portal.account(&visitor, |account| {
        let unpaid = account.invoices.iter().filter(|invoice| invoice.paid_by.is_none());
        let due: u64 = unpaid.map(|invoice| invoice.cents).sum();
        let open = account.estimates.iter().filter(|estimate| estimate.status == OPEN).count();
        (due, open, account.tickets.len(), account.assets.len())
    });
    Page::new("Account")
        .lead("Your organization at a glance.")
        .with(Block::Facts(vec![
            ("Amount due, EUR", money(due)),
            ("Open estimates", open.to_string()),
            ("Tickets", tickets.to_string()),
            ("Assets", assets.to_string()),
        ]))
        .show(&visitor)
}

pub(super) async fn invoices(State(portal): State<Portal>, visitor: Visitor) -> Response {
    let invoices = portal.account(&visitor, |account| account.invoices.clone());
    let rows = invoices
        .into_iter()
        .rev()
        .map(|invoice| {
            vec![
                link("/invoices", &invoice.number.to_string(), invoice.number.to_string()),
                text(invoice.date),
                text(invoice.subject),
                Cell::Number(money(invoice.cents)),
                text(if invoice.paid_by.is_some() { "paid" } else { "due" }),
            ]
        })
        .collect();
    Page::new("Invoices")
        .lead("Newest first. Amounts in EUR.")
        .table(&["No.", "Date", "For", "Amount", "State"], rows)
        .show(&visitor)
}

pub(super) async fn invoice(
    State(portal): State<Portal>,
    visitor: Visitor,
    Address(number): Address<u32>,
) -> Response {
    let found = portal.account(&visitor, |account| {
        account.invoices.iter().find(|invoice| invoice.number == number).cloned()
    });
    let Some(invoice) = found else {
        return missing("This invoice", &visitor);
    };
    let page =
        Page::new(format!("Invoice {number}")).lead(invoice.subject).with(Block::Facts(vec![
            ("Date", invoice.date.to_owned()),
            ("Amount, EUR", money(invoice.cents)),
            (
                "State",
                invoice.paid_by.as_ref().map_or("due".to_owned(), |by| format!("paid by {by}")),
            ),
        ]));
    if invoice.paid_by.is_some() {
        return page.show(&visitor);
    }
    let action = match visitor.organization() {
        "" => format!("/invoices/{number}/pay"),
        organization => format!("/organizations/{organization}/invoices/{number}/pay"),
    };
    page.with(Block::Form(page::Form::new(action, "Pay now"))).show(&visitor)
}

pub(super) async fn pay(
    State(portal): State<Portal>,
    visitor: Visitor,
    Address(number): Address<u32>,
) -> Response {
    match portal.account(&visitor, |account| account.pay(number, visitor.name())) {
        Some(()) => Redirect::to(&format!("/invoices/{number}")).into_response(),
        None => missing("This invoice", &visitor),
    }
}

/// Pays an invoice of the organization in the path, for any visitor. The gateway prevents that by a
/// route with `organization`.
pub(super) async fn pay_named(
    State(portal): State<Portal>,
    visitor: Visitor,
    Address((organization, number)): Address<(String, u32)>,
) -> Response {
    let named = Visitor { organization: Some(organization), ..visitor };
    pay(State(portal), named, Address(number)).await
}

pub(super) async fn estimates(State(portal): State<Portal>, visitor: Visitor) -> Response {
    let estimates = portal.account(&visitor, |account| account.estimates.clone());
    let rows = estimates
        .into_iter()
        .map(|estimate| {
            vec![
                link("/estimates", &estimate.number.to_string(), estimate.number.to_string()),
                text(estimate.subject),
                Cell::Number(money(estimate.cents)),
                text(estimate.status),
            ]
        })
        .collect();
    Page::new("Estimates")
        .lead("Our offers. Amounts in EUR.")
        .table(&["No.", "For", "Amount", "State"], rows)
        .show(&visitor)
}

pub(super) async fn estimate(
    State(portal): State<Portal>,
    visitor: Visitor,
    Address(number): Address<u32>,
) -> Response {
    let found = portal.account(&visitor, |account| {
        account.estimates.iter().find(|estimate| estimate.number == number).cloned()
    });
    let Some(estimate) = found else {
        return missing("This estimate", &visitor);
    };
    let button = |decision, label| {
        Block::Form(page::Form::new(format!("/estimates/{number}/{decision}"), label))
    };
    let page =
        Page::new(format!("Estimate {number}")).lead(estimate.subject).with(Block::Facts(vec![
            ("Amount, EUR", money(estimate.cents)),
            ("State", estimate.status.to_owned()),
        ]));
    if estimate.status != OPEN {
        return page.show(&visitor);
    }
    page.with(button("approve", "Approve")).with(button("decline", "Decline")).show(&visitor)
}

pub(super) async fn decide_estimate(
    State(portal): State<Portal>,
    visitor: Visitor,
    Address((number, decision)): Address<(u32, String)>,
) -> Response {
    let status = match decision.as_str() {
        "approve" => "approved",
        "decline" => "declined",
        _ => return missing("This page", &visitor),
    };
    match portal.account(&visitor, |account| account.decide(number, status)) {
        Some(Ok(())) => Redirect::to(&format!("/estimates/{number}")).into_response(),
        Some(Err(before)) => {
            let lead = format!("It is already {before}. To change that, call us.");
            let page = Page::new(format!("Estimate {number}")).lead(lead);
            (StatusCode::CONFLICT, page.show(&visitor)).into_response()
        }
        None => missing("This estimate", &visitor),
    }
}

pub(super) async fn payments(State(portal): State<Portal>, visitor: Visitor) -> Response {
    let payments = portal.account(&visitor, |account| account.payments.clone());
    let rows = payments
        .into_iter()
        .rev()
        .map(|payment| {
            vec![
                Cell::Number(payment.number.to_string()),
                link("/invoices", &payment.invoice.to_string(), payment.invoice.to_string()),
                Cell::Number(money(payment.cents)),
                text(payment.payer),
            ]
        })
        .collect();
    Page::new("Payments")
        .lead("Newest first. Amounts in EUR.")
        .table(&["No.", "Invoice", "Amount", "Paid by"], rows)
        .show(&visitor)
}

pub(super) async fn payment_methods(State(portal): State<Portal>, visitor: Visitor) -> Response {
    let methods = portal.account(&visitor, |account| account.payment_methods.clone());
    let rows = methods
        .into_iter()
        .map(|method| {
            let action = format!("/payment-methods/{}/remove", method.number);
            vec![text(method.name), Cell::Button { action, text: "Remove" }]
        })
        .collect();
    let form =
        page::Form::new("/payment-methods", "Add").field("text", "name", "New payment method", "");
    Page::new("Payment methods")
        .lead("The ways in which you pay invoices.")
        .table(&["Method", ""], rows)
        .with(Block::Form(form))
        .show(&visitor)
}

pub(super) async fn add_payment_method(
    State(portal): State<Portal>,
    visitor: Visitor,
    Fields(method): Fields<NewPaymentMethod>,
) -> Redirect {
    portal.account(&visitor, |account| {
        let number = account.next_number();
        push(&mut account.payment_methods, Named { number, name: method.name });
    });
    Redirect::to("/payment-methods")
}

pub(super) async fn remove_payment_method(
    State(portal): State<Portal>,
    visitor: Visitor,
    Address(number): Address<u32>,
) -> Redirect {
    portal.account(&visitor, |account| account.payment_methods.retain(|m| m.number != number));
    Redirect::to("/payment-methods")
}

pub(super) async fn contracts(State(portal): State<Portal>, visitor: Visitor) -> Response {
    let contracts = portal.account(&visitor, |account| account.contracts.clone());
    let rows = contracts
        .into_iter()
        .map(|contract| {
            vec![
                text(contract.name),
                text(contract.since),
                Cell::Number(money(contract.cents_a_month)),
            ]
        })
        .collect();
    Page::new("Contracts")
        .lead("Your contracts. Amounts in EUR.")
        .table(&["Contract", "Since", "A month"], rows)
        .show(&visitor)
}
