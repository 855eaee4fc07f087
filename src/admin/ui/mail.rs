//! Emails to portal users: those that wait, and those of the last weeks.

pub(super) mod detail;
pub(super) mod list;
pub(super) mod test;

use jiff::Timestamp;
use serde::Deserialize;

use super::fields::segment;
use super::texts::Mail as Words;
use crate::web::text::Text;

const API: &str = "/api/v1/mail";

/// An email, as the API shows it.
#[derive(Debug, Deserialize)]
struct Mail {
    id: String,
    occasion: String,
    login: String,
    user: String,
    organization: String,
    to: String,
    blind_copy: Option<String>,
    state: String,
    /// When it is tried next.
    next: Option<Timestamp>,
    /// When it was sent, or given up.
    at: Option<Timestamp>,
    attempts: u64,
    /// In English.
    last_error: Option<String>,
    written: Timestamp,
}

/// What became of a test email.
#[derive(Debug, Deserialize)]
struct Tested {
    to: String,
    /// The mail server, or the file.
    via: String,
    sent: bool,
    /// What the mail server answered.
    reply: Option<String>,
    /// Why it was not sent, and what to check. In English.
    error: Option<String>,
    advice: Option<String>,
}

/// The states that a mail can be in.
const STATES: [&str; 5] = ["waiting", "sent", "failed", "unconfirmed", "not_needed"];

impl Mail {
    fn address(&self) -> String {
        format!("/mail/{}", segment(&self.id))
    }

    fn user_segment(&self) -> String {
        segment(&self.user)
    }

    fn occasion<'a>(&'a self, text: &'a Words) -> &'a str {
        let words: &Text = match &*self.occasion {
            "invitation" => &text.invitation,
            "reset" => &text.reset,
            "account_changed" => &text.account_changed,
            "impersonation" => &text.impersonation,
            other => return other,
        };
        words.as_str()
    }

    fn state<'a>(&'a self, text: &'a Words) -> &'a str {
        state(text, &self.state).map_or(&self.state, Text::as_str)
    }

    /// The class of its state's badge.
    fn class(&self) -> &'static str {
        match &*self.state {
            "sent" => "good",
            "failed" => "alert",
            "unconfirmed" => "warn",
            "waiting" if self.attempts > 0 => "warn",
            "waiting" => "mark",
            _ => "",
        }
    }

    /// Whether it can be sent again.
    fn can_be_retried(&self) -> bool {
        ["waiting", "unconfirmed"].contains(&&*self.state)
    }
}

fn state<'a>(text: &'a Words, name: &str) -> Option<&'a Text> {
    match name {
        "waiting" => Some(&text.waiting),
        "sent" => Some(&text.sent),
        "failed" => Some(&text.failed),
        "unconfirmed" => Some(&text.unconfirmed),
        "not_needed" => Some(&text.not_needed),
        _ => None,
    }
}
