//! Changes to the portal users that are checked in the list, or to all that match its filter. They are
//! made by a job.

use askama::Template;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::bulk_bar::{actions, fields};
use super::state::status_of;
use super::{User, list};
use crate::admin::ui::change::{Change, carry_out_asked};
use crate::admin::ui::client::Write;
use crate::admin::ui::confirmation::{CONFIRMED, Question};
use crate::admin::ui::fields::{Fields, address, segment};
use crate::admin::ui::frame::Frame;
use crate::admin::ui::groups;
use crate::admin::ui::listed::Listed;
use crate::admin::ui::people::group_name;
use crate::admin::ui::refusal::Answer;
use crate::admin::ui::texts::Users;
use crate::admin::ui::visit::{PageResult, TOKEN, Visit};
use crate::web::text::Text;

/// More people than this are not tried out, because that would take too long.
const TRIED_OUT: usize = 1_000;
/// How many pages of the list are read to count them.
const PAGES: usize = 10;

/// The filter of the list from which a form was sent.
struct Filter<'a> {
    search: &'a str,
    group: &'a str,
    state: &'a str,
    organization: &'a str,
    /// Where the page of the list begins.
    after: &'a str,
}

impl<'a> Filter<'a> {
    fn of(visit: &'a Visit) -> Self {
        let [search, group, state, organization, after] =
            fields([""; 5]).map(|(name, _)| visit.form.get(name));
        Self { search, group, state, organization, after }
    }

    /// The parameters of the list with this filter.
    const fn parameters(&self) -> [(&'static str, &str); 5] {
        let Self { search, group, state, organization, after } = *self;
        [
            ("search", search),
            ("group", group),
            ("state", state),
            ("organization", organization),
            ("after", after),
        ]
    }

    /// `matching` of the API.
    fn matching(&self) -> Value {
        let (status, disabled) = status_of(self.state);
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        json!({
            "search": given(self.search),
            "group": given(self.group),
            "status": given(status),
            "disabled": (!disabled.is_empty()).then_some(disabled == "true"),
            "organization": given(self.organization),
        })
    }

    /// How many match; `None` for too many to be tried out while the visitor waits.
    async fn count(&self, visit: &Visit) -> Answer<Option<usize>> {
        let (status, disabled) = status_of(self.state);
        let (mut count, mut after) = (0, String::new());
        // A page may hold fewer than it could although there are more.
        for _ in 0..PAGES {
            let filters = [
                ("search", self.search),
                ("group", self.group),
                ("status", status),
                ("disabled", disabled),
                ("organization", self.organization),
                ("limit", "1000"),
                ("after", &after),
            ];
            let path = address("/api/v1/users", &filters);
            let listed: Listed<User> = visit.client.get(&path).await?;
            count += listed.items.len();
            match listed.next {
                None => return Ok(Some(count).filter(|count| *count <= TRIED_OUT)),
                Some(_) if count >= TRIED_OUT => return Ok(None),
                Some(next) => after = next,
            }
        }
        Ok(None)
    }
}

/// The page in place of a dry run that would take too long.
#[derive(Template)]
#[template(path = "admin/users/bulk_many.html")]
struct ManyPage<'a> {
    frame: Frame<'a>,
    text: &'a Users,
    question: Question<'a>,
    fields: Vec<(&'a str, &'a str)>,
}

pub(in crate::admin::ui) async fn change(visit: Visit) -> PageResult {
    let form = &visit.form;
    let text = &visit.text().users;
    let chosen = form.set("user");
    let wanted = form.get("do");
    let filter = Filter::of(&visit);
    let is_all = form.has("all");
    let action = actions(text).into_iter().find(|(name, _)| *name == wanted);
    let Some((_, action)) = action.filter(|_| is_all || !chosen.is_empty()) else {
        let problem = if action.is_none() { &text.choose_action } else { &text.choose_users };
        return not_chosen(&visit, &filter, problem).await;
    };
    let count = if is_all { filter.count(&visit).await? } else { Some(chosen.len()) };
    let mut request = match is_all {
        true => json!({ "matching": filter.matching() }),
        false => json!({ "users": chosen }),
    };
    let (field, value) = match wanted {
        "group" => match form.get("group") {
            "" => return not_chosen(&visit, &filter, &text.choose_group).await,
            group => ("group", Value::from(group)),
        },
        "require_mfa" => ("require_mfa", Value::from(true)),
        "no_mfa" => ("require_mfa", Value::from(false)),
        action => ("action", Value::from(action)),
    };
    if let Some(request) = request.as_object_mut() {
        request.insert(field.to_owned(), value);
    }
    let what = match wanted {
        "group" => {
            let groups = groups::all(&visit).await?;
            text.move_to.with(group_name(&groups, form.get("group"))).plain()
        }
        _ => action.to_string(),
    };
    let write = Write::new(Method::POST, "/api/v1/users/bulk").with(&request);
    let back = address("/users", &filter.parameters());
    let question = Question {
        title: match count {
            Some(count) => {
                let count = text.bulk_question.of(count.try_into().unwrap_or(u64::MAX)).plain();
                format!("{what}: {count}")
            }
            None => format!("{what}: {}", text.bulk_many_question),
        },
        action: action.to_string(),
        to: "",
        back: &back,
        is_destructive: wanted == "disable",
        keeps_form: false,
    };
    if count.is_none() && !form.has(CONFIRMED) {
        let fields = form.iter().filter(|(name, _)| *name != TOKEN).collect();
        return visit.show(&ManyPage { frame: visit.frame(), text, question, fields });
    }
    match carry_out_asked(&visit, write, question).await? {
        Change::Asked(page) => Ok(page),
        Change::Made(job) => {
            let id = job.get("id").and_then(Value::as_str).unwrap_or_default();
            visit.go(&format!("/jobs/{}", segment(id)))
        }
    }
}

/// The list with what was chosen, and what was not.
async fn not_chosen(visit: &Visit, filter: &Filter<'_>, problem: &Text) -> PageResult {
    let given = filter.parameters().into_iter().filter(|(_, value)| !value.is_empty());
    let query = given.fold(Fields::default(), |all, (name, value)| all.with(name, value));
    let page = list::page(visit, &query, Some(problem)).await?;
    Ok(visit.page(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

/// The address of the form leads back to the list.
pub(in crate::admin::ui) async fn back(visit: Visit) -> PageResult {
    visit.go("/users")
}
