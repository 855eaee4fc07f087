//! The sample portal: a customer portal without authorization of its own.
//!
//! It trusts the gateway's identity headers and checks nothing, like the portals that it represents.
//! Records are kept in memory until exit, and every list is bounded, so that it can be left running.
//! It must not be reachable without the gateway.

use std::{future::Future, io, net::TcpListener};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::Response;
use axum::routing::{get, post};
use tokio_util::sync::CancellationToken;

pub use page::OPERATOR;
use portal::Portal;
use visitor::Visitor;

mod assets;
mod billing;
mod input;
mod library;
mod live;
mod page;
mod people;
mod portal;
mod records;
#[cfg(test)]
mod tests;
mod tickets;
mod visitor;

/// Serves the portal on `listener` until `shutdown` resolves. Chats and event streams end then too.
///
/// # Errors
/// When the listening socket cannot be used.
pub async fn serve(
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let closing = CancellationToken::new();
    let router = router(closing.clone());
    axum::serve(listener, router)
        .with_graceful_shutdown(async move {
            shutdown.await;
            closing.cancel();
        })
        .await
}

/// The portal's routes, with records of their own. Cancelling `closing` ends chats and event streams.
pub fn router(closing: CancellationToken) -> Router {
    Router::new()
        .route("/", get(people::home))
        .route("/account", get(billing::account))
        .route("/tickets", get(tickets::list).post(tickets::create))
        .route("/tickets/new", get(tickets::new))
        .route("/tickets/{ticket}", get(tickets::view))
        .route("/tickets/{ticket}/comments", post(tickets::comment))
        .route("/invoices", get(billing::invoices))
        .route("/invoices/{invoice}", get(billing::invoice))
        .route("/invoices/{invoice}/pay", post(billing::pay))
        .route("/organizations/{organization}/invoices/{invoice}/pay", post(billing::pay_named))
        .route("/estimates", get(billing::estimates))
        .route("/estimates/{estimate}", get(billing::estimate))
        .route("/estimates/{estimate}/{decision}", post(billing::decide_estimate))
        .route("/payments", get(billing::payments))
        .route("/payment-methods", get(billing::payment_methods).post(billing::add_payment_method))
        .route("/payment-methods/{method}/remove", post(billing::remove_payment_method))
        .route("/contracts", get(billing::contracts))
        .route("/assets", get(assets::list))
        .route("/assets/{asset}", get(assets::view))
        .route("/assets/{asset}/scripts", post(assets::run_script))
        .route("/assets/{asset}/remote", get(assets::remote))
        .route("/assets/static/{file}", get(library::static_file))
        .route("/documentation", get(library::documentation))
        .route("/documentation/{document}", get(library::document))
        .route("/attachments", get(library::attachments).post(library::upload))
        .route("/attachments/{attachment}", get(library::attachment))
        .route("/downloads/{size}", get(library::download))
        .route("/appointments", get(people::appointments).post(people::request_appointment))
        .route("/appointments/new", get(people::new_appointment))
        .route("/contacts", get(people::contacts).post(people::add_contact))
        .route("/contacts/{contact}/remove", post(people::remove_contact))
        .route("/profile", get(people::profile).post(people::save_profile))
        .route("/chat", get(live::chat))
        .route("/chat/socket", get(live::socket))
        .route("/events/stream", get(live::events))
        .route("/api/me", get(people::api_me))
        .route("/api/tickets", get(tickets::api))
        .route("/admin", get(people::back_office))
        .route("/admin/{*rest}", get(people::back_office))
        .route("/health", get(|| async { "ok\n" }))
        .fallback(not_found)
        // The handler bounds uploads while they stream.
        .layer(DefaultBodyLimit::disable())
        .with_state(Portal::new(closing))
}

/// The page for an unknown path.
async fn not_found(visitor: Visitor) -> Response {
    page::missing("This page", &visitor)
}
