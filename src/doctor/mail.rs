//! The mail server: connecting, EHLO, TLS and sign-in, without a mail.

use tokio::runtime::Builder;

use super::finding::Finding;
use crate::config::Settings;
use crate::mail::Mailer;

pub(super) fn probe(settings: &Settings) -> Option<Finding> {
    // `check` has reported what prevents these.
    let tester = Mailer::new(settings).ok()?.tester();
    let runtime = Builder::new_current_thread().enable_all().build().ok()?;
    match runtime.block_on(tester.reach()) {
        Ok(None) => None,
        Ok(Some(server)) => Some(Finding::ok(
            "mail",
            format!("the mail server {server} accepts the connection, with TLS and sign-in as set"),
        )),
        Err(fault) => Some(
            Finding::error("mail", fault.error)
                .because("portal users get no invitations and no links for a new password")
                .fix(fault.advice),
        ),
    }
}
