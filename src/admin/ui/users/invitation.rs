//! The invitation of a portal user (R40): sent to an address that the page shows first, and withdrawn.

use http::{Method, StatusCode};
use serde_json::json;

use super::send_to::{FIELD, SendTo, usual};
use super::{User, api, page, page_of};
use crate::admin::ui::change::{carry_out, carry_out_asked};
use crate::admin::ui::client::Write;
use crate::admin::ui::confirmation::Question;
use crate::admin::ui::end_users::{self, EndUser};
use crate::admin::ui::organizations::{self, Organization};
use crate::admin::ui::people::found;
use crate::admin::ui::refusal::Answer;
use crate::admin::ui::visit::{PageResult, Visit};
use crate::credential::folding::fold;

/// Sends an invitation, or withdraws it.
pub(in crate::admin::ui) async fn act(visit: Visit) -> PageResult {
    let user: User = visit.client.get(&api(visit.id(0))).await?;
    match visit.chosen(&[("", false), ("withdraw", true)])? {
        true => withdraw(&visit, &user).await,
        false => send(&visit, &user).await,
    }
}

async fn withdraw(visit: &Visit, user: &User) -> PageResult {
    let (page, text) = (page_of(&user.id), &visit.text().users);
    let path = format!("{}/invitation", api(&user.id));
    let question = Question {
        title: text.withdraw_question.with(&user.login).plain(),
        action: text.withdraw.to_string(),
        to: "",
        back: &page,
        is_destructive: true,
        keeps_form: false,
    };
    let change = carry_out_asked(visit, Write::new(Method::DELETE, &path), question).await?;
    change.or_go(visit, &format!("{page}?done=withdrawn"))
}

async fn send(visit: &Visit, user: &User) -> PageResult {
    let (organization, end_user) = owner(visit, user).await?;
    let (organization, end_user) = (organization.as_ref(), end_user.as_ref());
    let usual = usual(user, organization, end_user);
    let wanted = match visit.form.has(FIELD) {
        true => visit.form.get(FIELD).to_owned(),
        false => SendTo::of(user, organization, end_user).address,
    };
    let is_usual = usual.as_ref().is_some_and(|usual| fold(usual) == fold(&wanted));
    // The usual address is not named: then the link ends when that address changes.
    let named = Some(wanted).filter(|wanted| !wanted.is_empty() && !is_usual);
    let to = named.as_ref().or(usual.as_ref()).map_or("", String::as_str);
    let (page, text) = (page_of(&user.id), &visit.text().users);
    let path = format!("{}/invitation", api(&user.id));
    let document = json!({ FIELD: named });
    let write = Write::new(Method::POST, &path).with(&document);
    let question = Question {
        title: text.invite_question.with(&user.login, to).plain(),
        action: text.invite.to_string(),
        to: "",
        back: &page,
        is_destructive: false,
        keeps_form: true,
    };
    match carry_out(visit, write, question).await {
        Ok(change) => change.or_go(visit, &format!("{page}?done=invited")),
        Err(refusal) if refusal.is_cancelled() || refusal.field(FIELD).is_some() => {
            let mut shown = page::read(visit, None).await?;
            shown.send_to = SendTo::again(visit, &refusal);
            Ok(visit.page(refusal.of_page(StatusCode::UNPROCESSABLE_ENTITY), &shown))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// The organization and the end user that a portal user belongs to.
async fn owner(visit: &Visit, user: &User) -> Answer<(Option<Organization>, Option<EndUser>)> {
    let organization = found(visit, &organizations::api(&user.organization)).await?;
    let end_user = match &user.end_user {
        Some(end_user) => found(visit, &end_users::api(&user.organization, end_user)).await?,
        None => None,
    };
    Ok((organization, end_user))
}
