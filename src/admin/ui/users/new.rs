//! A new portal user: first for whom, then the account (R15, R40, R42).

use askama::Template;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::for_whom::{self, NEW, Owner};
use super::page_of;
use crate::admin::ui::change::{Change, carry_out};
use crate::admin::ui::client::Write;
use crate::admin::ui::confirmation::Question;
use crate::admin::ui::field::Field;
use crate::admin::ui::fields::{address, segment};
use crate::admin::ui::frame::Frame;
use crate::admin::ui::groups::{self, Group};
use crate::admin::ui::people::choices;
use crate::admin::ui::refusal::{Answer, Refusal};
use crate::admin::ui::texts::Users;
use crate::admin::ui::visit::{PageResult, Visit};

#[derive(Template)]
#[template(path = "admin/users/new.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Users,
    owner: Owner,
    fields: [Field<'a>; 3],
    send_to: Field<'a>,
    require_mfa: bool,
    /// How the user gets a password: `invite`, `password` or `later`.
    way: &'a str,
    problem: Option<String>,
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let query = &visit.query;
    let (organization, end_user) = (query.get("organization"), query.get("end_user"));
    if organization.is_empty() || query.has("choose") {
        return for_whom::ask(&visit, None).await;
    }
    match for_whom::owner(&visit, organization, end_user).await? {
        Ok(owner) => {
            let page = page(&visit, owner, None).await?;
            visit.show(&page)
        }
        Err(unknown) => for_whom::ask(&visit, Some(unknown)).await,
    }
}

async fn page<'a>(visit: &'a Visit, owner: Owner, refusal: Option<&Refusal>) -> Answer<Page<'a>> {
    let text = &visit.text().users;
    let groups = groups::all(visit).await?;
    let group = default_group(&owner, &groups).unwrap_or_default();
    let email = owner.email().unwrap_or_default().to_owned();
    let form = &visit.form;
    let fields = [
        Field::new("login", &text.login).required().value(&*email).hint(&text.login_hint),
        Field::new("name", &text.name).most(100).hint(&text.name_hint),
        Field::choice("group", &text.group, choices(&groups)).value(group),
    ];
    Ok(Page {
        frame: visit.frame(),
        text,
        owner,
        fields: fields.map(|field| field.after(visit, refusal)),
        send_to: Field::email("send_to", &text.send_to)
            .value(email)
            .hint(&text.send_to_hint)
            .after(visit, refusal),
        require_mfa: form.has("require_mfa"),
        way: if refusal.is_some() { form.get("way") } else { "invite" },
        problem: refusal
            .and_then(|it| it.apart_from(&["login", "name", "group", "send_to"]))
            .map(str::to_owned),
    })
}

/// The id of the group that a portal user gets if none is named (R6).
fn default_group(owner: &Owner, groups: &[Group]) -> Option<String> {
    let by_default = groups.iter().find(|group| group.default).map(|group| group.id.clone());
    owner.organization.default_group.clone().or(by_default)
}

pub(in crate::admin::ui) async fn create(visit: Visit) -> PageResult {
    let form = &visit.form;
    let owner = for_whom::owner(&visit, form.get("organization"), form.get("end_user")).await?;
    let Ok(owner) = owner else {
        return visit.go(NEW);
    };
    let given = |name| Some(form.get(name)).filter(|it| !it.is_empty());
    let way = form.get("way");
    let invites = way == "invite";
    // Without an address of its own, the invitation goes to the same one by the API's rule.
    let send_to = given("send_to").filter(|it| invites && Some(*it) != owner.email());
    // The default is not named, so that the API warns about it if it has all permissions.
    let default = default_group(&owner, &groups::all(&visit).await?);
    let group = given("group").filter(|it| default.as_deref() != Some(it));
    let new = json!({
        "organization": owner.organization.id,
        "end_user": owner.end_user_id(),
        "login": given("login"),
        "name": given("name"),
        "group": group,
        "require_mfa": form.has("require_mfa"),
        "invite": invites,
        "send_to": send_to,
    });
    let write = Write::new(Method::POST, "/api/v1/users").with(&new);
    let back = address(NEW, &[("organization", &owner.organization.id)]);
    let question = Question {
        title: visit.text().users.create_question.with(form.get("login")).plain(),
        action: visit.text().action.create.to_string(),
        to: "",
        back: &back,
        is_destructive: false,
        keeps_form: true,
    };
    match carry_out(&visit, write, question).await {
        Ok(Change::Asked(page)) => Ok(page),
        Ok(Change::Made(created)) => {
            let id = created.get("id").and_then(Value::as_str).unwrap_or_default();
            match way {
                "password" => visit.go(&format!("/users/{}/password?done=created", segment(id))),
                "invite" => visit.go(&format!("{}?done=invited", page_of(id))),
                _ => visit.go(&format!("{}?done=created", page_of(id))),
            }
        }
        Err(refusal) if refusal.is_about_the_form() => {
            let page = page(&visit, owner, Some(&refusal)).await?;
            Ok(visit.page(refusal.of_page(StatusCode::UNPROCESSABLE_ENTITY), &page))
        }
        Err(refusal) => Err(refusal.into()),
    }
}
