//! Setting a password for a portal user (R34), with the requirements (R30–R32).

use askama::Template;
use http::{Method, StatusCode};
use serde::de::IgnoredAny;
use serde_json::json;

use super::{User, api, page_of};
use crate::admin::ui::client::Write;
use crate::admin::ui::end_users::{self, EndUser};
use crate::admin::ui::frame::Frame;
use crate::admin::ui::listed::Listed;
use crate::admin::ui::organizations::{self, Organization};
use crate::admin::ui::people::found;
use crate::admin::ui::refusal::{Answer, Refusal};
use crate::admin::ui::texts::Users;
use crate::admin::ui::visit::{PageResult, Visit};
use crate::credential::password::{LENGTH, PasswordRule};
use crate::web::text::Text;

#[derive(Template)]
#[template(path = "admin/users/password.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Users,
    user: User,
    /// The address that the password must differ from.
    email: String,
    requirements: Vec<(&'static str, &'a Text)>,
    min: usize,
    max: usize,
    /// What ends with the old password, as HTML.
    consequences: Vec<String>,
    problem: Option<String>,
    is_new: bool,
}

/// The requirement of a rule, in words.
const fn requirement(text: &Users, rule: PasswordRule) -> &Text {
    match rule {
        PasswordRule::Length => &text.rule_length,
        PasswordRule::Uppercase => &text.rule_uppercase,
        PasswordRule::Lowercase => &text.rule_lowercase,
        PasswordRule::Digit => &text.rule_digit,
        PasswordRule::Symbol => &text.rule_symbol,
        PasswordRule::NotLogin => &text.rule_not_login,
        PasswordRule::NotEmail => &text.rule_not_email,
    }
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let page = page(&visit, None).await?;
    visit.show(&page)
}

async fn page<'a>(visit: &'a Visit, refusal: Option<&Refusal>) -> Answer<Page<'a>> {
    let id = visit.id(0);
    let user: User = visit.client.get(&api(id)).await?;
    let email = email(visit, &user).await?;
    let text = &visit.text().users;
    let has_email = !email.is_empty();
    let rules = PasswordRule::ALL.into_iter();
    let rules = rules.filter(|rule| *rule != PasswordRule::NotEmail || has_email);
    let consequences = consequences(visit, &user).await?;
    Ok(Page {
        frame: visit.frame(),
        text,
        user,
        email,
        requirements: rules.map(|rule| (rule.name(), requirement(text, rule))).collect(),
        min: *LENGTH.start(),
        max: *LENGTH.end(),
        consequences,
        problem: refusal.map(|it| it.field("password").unwrap_or(&it.detail).to_owned()),
        is_new: visit.is_done("created"),
    })
}

/// What ends with the old password, as HTML. It cannot be tried out before the new one is known.
async fn consequences(visit: &Visit, user: &User) -> Answer<Vec<String>> {
    let count = async |list: &str| -> Answer<u64> {
        let path = format!("{}/{list}", api(&user.id));
        let listed: Listed<IgnoredAny> = visit.client.get(&path).await?;
        Ok(u64::try_from(listed.items.len()).unwrap_or(u64::MAX))
    };
    let (text, words) = (&visit.text().users, &visit.text().consequences);
    let mut sentences = Vec::new();
    for (list, says) in [("sessions?limit=1000", &words.sessions), ("tokens", &text.tokens_revoked)]
    {
        match count(list).await? {
            0 => {}
            count => sentences.push(says.of(count).to_string()),
        }
    }
    if user.invitation.is_some() {
        sentences.push(text.invitation_ends.with().to_string());
    }
    Ok(sentences)
}

/// The address of the end user, or of the organization.
async fn email(visit: &Visit, user: &User) -> Answer<String> {
    let email = match &user.end_user {
        Some(end_user) => {
            let path = end_users::api(&user.organization, end_user);
            found::<EndUser>(visit, &path).await?.and_then(|it| it.email)
        }
        None => {
            let path = organizations::api(&user.organization);
            found::<Organization>(visit, &path).await?.and_then(|it| it.email)
        }
    };
    Ok(email.unwrap_or_default())
}

pub(in crate::admin::ui) async fn set(visit: Visit) -> PageResult {
    let id = visit.id(0);
    let path = format!("{}/password", api(id));
    let document = json!({ "password": visit.form.raw("password") });
    match visit.client.write(Write::new(Method::PUT, &path).with(&document)).await {
        Ok(_) => visit.go(&format!("{}?done=password", page_of(id))),
        Err(refusal) if refusal.is_about_the_form() => {
            let page = page(&visit, Some(&refusal)).await?;
            Ok(visit.page(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(refusal) => Err(refusal.into()),
    }
}
