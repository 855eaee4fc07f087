//! One's own account: the password, the second factor, and where one is signed in.

pub(super) mod page;
pub(super) mod second_factor;

use http::StatusCode;

use super::refusal::Refusal;
use super::texts::Account;

/// Where one's own account is.
const PATH: &str = "/account";

/// What goes wrong with a form that asks for the password, in the visitor's language. `None` if the
/// API says it better.
fn problem(refusal: &Refusal, words: &Account) -> Option<String> {
    let said = match &*refusal.kind {
        "wrong-credentials" => &words.wrong,
        "code-required" => &words.code_required,
        "locked-out" => &words.locked_out,
        "busy" => &words.busy,
        _ => return None,
    };
    Some(said.to_string())
}

/// Whether the reason is what was typed, and not that the session has ended: it belongs beside the
/// form.
fn is_about_the_form(refusal: &Refusal) -> bool {
    refusal.is_about_the_form()
        || matches!(&*refusal.kind, "wrong-credentials" | "code-required" | "locked-out" | "busy")
}

/// The status of the page that says so. 401 would be taken for the end of the session.
const STATUS: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;
