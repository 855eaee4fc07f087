//! What the buttons of a portal user's page do: second factor, lockout, sessions, disabling and deleting.

use http::Method;
use serde_json::json;

use super::{User, api, page_of};
use crate::admin::ui::change::{carry_out, carry_out_asked};
use crate::admin::ui::client::Write;
use crate::admin::ui::confirmation::Question;
use crate::admin::ui::fields::address;
use crate::admin::ui::people::portal_session;
use crate::admin::ui::visit::{PageResult, Visit};
use crate::web::text::Text;

/// The question before such a change.
fn question<'a>(title: String, action: &Text, back: &'a str, is_destructive: bool) -> Question<'a> {
    Question { title, action: action.to_string(), to: "", back, is_destructive, keeps_form: false }
}

async fn user(visit: &Visit) -> Result<(User, String), crate::admin::ui::refusal::Refusal> {
    let user: User = visit.client.get(&api(visit.id(0))).await?;
    let page = page_of(&user.id);
    Ok((user, page))
}

/// Removes the second factor (R51).
pub(in crate::admin::ui) async fn reset_mfa(visit: Visit) -> PageResult {
    let (user, page) = user(&visit).await?;
    let text = &visit.text().users;
    let path = format!("{}/mfa", api(&user.id));
    let title = text.reset_mfa_question.with(&user.login).plain();
    let question = question(title, &text.reset_mfa, &page, true);
    let change = carry_out_asked(&visit, Write::new(Method::DELETE, &path), question).await?;
    change.or_go(&visit, &format!("{page}?done=mfa"))
}

/// Forgets failed sign-ins.
pub(in crate::admin::ui) async fn release(visit: Visit) -> PageResult {
    let (user, page) = user(&visit).await?;
    let path = address("/api/v1/lockouts", &[("login", &user.login)]);
    let released = visit.client.write(Write::new(Method::DELETE, &path)).await;
    match released {
        // The lockout may have ended by itself.
        Err(refusal) if refusal.kind != "not-found" => Err(refusal.into()),
        _ => visit.go(&format!("{page}?done=released")),
    }
}

/// Ends one session, or all.
pub(in crate::admin::ui) async fn end_sessions(visit: Visit) -> PageResult {
    let (user, page) = user(&visit).await?;
    let path = portal_session::ending(&visit, "user", &user.id);
    let done = format!("{page}?done=ended");
    let write = portal_session::end(&path);
    if visit.form.has("session") {
        visit.client.write(write).await?;
        return visit.go(&done);
    }
    let text = visit.text();
    let title = text.users.end_sessions_question.with(&user.login).plain();
    let question = question(title, &text.people.end_all, &page, true);
    carry_out(&visit, write, question).await?.or_go(&visit, &done)
}

/// Disables the account, or enables it again.
pub(in crate::admin::ui) async fn disable(visit: Visit) -> PageResult {
    let (user, page) = user(&visit).await?;
    let text = &visit.text().users;
    let disables = visit.chosen(&[("", true), ("enable", false)])?;
    let detach = if visit.form.has("detach") { "true" } else { "" };
    let path = address(&api(&user.id), &[("detach", detach)]);
    let patch = json!({ "disabled": disables });
    let write = Write::new(Method::PATCH, &path).with(&patch);
    let (title, action, done) = match disables {
        true => (&text.disable_question, &text.disable, "disabled"),
        false => (&text.enable_question, &text.enable, "enabled"),
    };
    let question = question(title.with(&user.login).plain(), action, &page, disables);
    let change = carry_out_asked(&visit, write, question).await?;
    change.or_go(&visit, &format!("{page}?done={done}"))
}

/// Deletes the user, and the end user if that is wanted.
pub(in crate::admin::ui) async fn delete(visit: Visit) -> PageResult {
    let (user, page) = user(&visit).await?;
    let text = &visit.text().users;
    let flag = |name| if visit.form.has(name) { "true" } else { "" };
    let parameters = [("end_user", flag("end_user")), ("detach", flag("detach"))];
    let path = address(&api(&user.id), &parameters);
    let title = match visit.form.has("end_user") {
        true => text.delete_both_question.with(&user.login).plain(),
        false => text.delete_question.with(&user.login).plain(),
    };
    let question = question(title, &text.delete, &page, true);
    let change = carry_out_asked(&visit, Write::new(Method::DELETE, &path), question).await?;
    change.or_go(&visit, "/users?done=deleted")
}
