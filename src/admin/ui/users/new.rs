//! A new portal user: first for whom, then the account (R15, R16, R40, R42).

use askama::Template;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::page_of;
use crate::admin::ui::change::{Change, carry_out};
use crate::admin::ui::client::Write;
use crate::admin::ui::confirmation::Question;
use crate::admin::ui::end_users::{self, EndUser};
use crate::admin::ui::field::Field;
use crate::admin::ui::fields::segment;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::groups::{self, Group};
use crate::admin::ui::organizations::{self, Organization, suggestions};
use crate::admin::ui::people::{choices, found};
use crate::admin::ui::refusal::{Answer, Refusal};
use crate::admin::ui::texts::Users;
use crate::admin::ui::visit::{PageResult, Visit};

/// Asks for whom.
#[derive(Template)]
#[template(path = "admin/users/for_whom.html")]
struct ForWhom<'a> {
    frame: Frame<'a>,
    text: &'a Users,
    fields: [Field<'a>; 2],
}

/// Asks for the account.
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

/// For whom the portal user is.
struct Owner {
    organization: Organization,
    end_user: Option<EndUser>,
}

impl Owner {
    /// The address that a login is proposed from, and that an invitation is sent to.
    fn email(&self) -> Option<&str> {
        let own = self.end_user.as_ref().and_then(|end_user| end_user.email.as_deref());
        own.or(self.organization.email.as_deref())
    }

    fn end_user_id(&self) -> Option<&str> {
        self.end_user.as_ref().map(|end_user| &*end_user.id)
    }
}

/// The owner whom these fields name; `Err` with what is wrong with each.
async fn owner(
    visit: &Visit,
    organization: &str,
    end_user: &str,
) -> Answer<Result<Owner, [Option<String>; 2]>> {
    let unknown = |text: &crate::web::text::Text| Some(text.to_string());
    let text = &visit.text().users;
    let id = organization;
    let Some(organization) = found(visit, &organizations::api(organization)).await? else {
        return Ok(Err([unknown(&text.unknown_organization), None]));
    };
    if end_user.is_empty() {
        return Ok(Ok(Owner { organization, end_user: None }));
    }
    match found(visit, &end_users::api(id, end_user)).await? {
        Some(end_user) => Ok(Ok(Owner { organization, end_user: Some(end_user) })),
        None => Ok(Err([None, unknown(&text.unknown_end_user)])),
    }
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let query = &visit.query;
    let (organization, end_user) = (query.get("organization"), query.get("end_user"));
    let [of_organization, of_end_user] = match organization {
        "" => [None, None],
        _ if query.has("choose") => [None, None],
        _ => match owner(&visit, organization, end_user).await? {
            Ok(owner) => {
                let page = page(&visit, owner, None).await?;
                return visit.show(&page);
            }
            Err(problems) => problems,
        },
    };
    let text = &visit.text().users;
    let fields = [
        Field::new("organization", &text.organization)
            .required()
            .hint(&text.organization_hint)
            .value(organization)
            .suggestions(suggestions::PATH)
            .with_problem(of_organization),
        Field::new("end_user", &text.end_user)
            .hint(&text.end_user_hint)
            .value(end_user)
            .suggestions(end_users::list::SUGGESTIONS)
            .with_problem(of_end_user),
    ];
    visit.show(&ForWhom { frame: visit.frame(), text, fields })
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
    let owner = owner(&visit, form.get("organization"), form.get("end_user")).await?;
    let Ok(owner) = owner else {
        return visit.go("/users/new");
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
    let back = format!("/users/new?organization={}", owner.organization.segment());
    let question = Question {
        title: visit.text().users.create_question.with(form.get("login")).plain(),
        action: visit.text().action.create.to_string(),
        to: "",
        back: &back,
        is_destructive: false,
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
            Ok(visit.page(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(refusal) => Err(refusal.into()),
    }
}
