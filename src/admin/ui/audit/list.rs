//! The list of entries, the newest first, with filters.

use askama::Template;
use http::StatusCode;
use serde::Deserialize;

use super::{API, Entry};
use crate::admin::ui::field::Field;
use crate::admin::ui::fields::{Fields, address};
use crate::admin::ui::frame::Frame;
use crate::admin::ui::organizations::{filter, suggestions};
use crate::admin::ui::refusal::{Answer, Refusal};
use crate::admin::ui::texts::Audit;
use crate::admin::ui::visit::{PageResult, Visit};
use crate::directory::records::Authority;

/// How many entries a page has.
const LIMIT: &str = "50";
/// The filters, as the API names them.
const FILTERS: [&str; 6] = ["actor", "user", "organization", "kind", "since", "until"];

/// The kinds of actors that have names.
const KINDS: [&str; 4] = ["administrator", "token", "portal-user", "system"];

#[derive(Debug, Deserialize)]
struct Listed {
    items: Vec<Entry>,
    next: Option<String>,
    hidden: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Users {
    items: Vec<User>,
}

#[derive(Debug, Deserialize)]
struct User {
    id: String,
}

#[derive(Template)]
#[template(path = "admin/audit/list.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Audit,
    filters: &'a Fields,
    entries: Vec<Entry>,
    hidden: u64,
    first: Option<String>,
    next: Option<String>,
    /// Each kind of entries, and the words for it.
    kinds: Vec<(&'a str, &'a str)>,
    may_export: bool,
    organization: Field<'a>,
    /// What a filter may mean: an address of this page, and a name.
    matches: Vec<(String, String)>,
    refusal: Option<Refusal>,
}

impl Page<'_> {
    fn is_filtered(&self) -> bool {
        FILTERS.iter().any(|name| !self.filters.get(name).is_empty())
    }

    /// What is wrong with a filter.
    fn problem(&self, name: &str) -> Option<&str> {
        self.refusal.as_ref()?.field(name)
    }

    /// What is wrong with none of them.
    fn general(&self) -> Option<&str> {
        self.refusal.as_ref()?.apart_from(&FILTERS)
    }
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let text = &visit.text().audit;
    let meant = filter::meant(&visit, visit.query.get("organization")).await?;
    let typed = visit.query.get("actor");
    let actors = actors(&visit, typed).await?;
    let actor = match actors.as_slice() {
        [(key, _)] => key.as_str(),
        _ => typed,
    };
    let (listed, refusal) = match entries(&visit, &meant.id, actor).await {
        Ok(listed) => (listed, None),
        Err(refusal) if refusal.is_about_the_form() => {
            (Listed { items: Vec::new(), next: None, hidden: None }, Some(refusal))
        }
        Err(refusal) => return Err(refusal.into()),
    };
    let Listed { items: entries, next, hidden } = listed;
    let filters = visit.query.without(&["after"]);
    let at = |fields: Fields| format!("/audit?{}", fields.encoded());
    let mut matches = meant.links(&visit);
    if actors.len() > 1 {
        let others = filters.without(&["actor"]);
        for (key, words) in &actors {
            matches.push((at(others.clone().with("actor", key.as_str())), words.clone()));
        }
    }
    let status = if refusal.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = Page {
        frame: visit.frame(),
        text,
        filters: &visit.query,
        entries,
        hidden: hidden.unwrap_or(0),
        first: visit.query.has("after").then(|| at(filters.clone())),
        next: next.map(|next| at(filters.with("after", next))),
        kinds: kinds(&visit),
        organization: Field::new("organization", &text.organization)
            .value(&*meant.id)
            .suggestions(suggestions::PATH),
        matches,
        may_export: visit.may_over_gateway(Authority::Export),
        refusal,
    };
    Ok(visit.page(status, &page))
}

async fn entries(visit: &Visit, organization: &str, actor: &str) -> Answer<Listed> {
    let query = &visit.query;
    let user = user_id(visit, query.get("user")).await?;
    let mut parameters = vec![("limit", LIMIT), ("after", query.get("after")), ("user", &user)];
    parameters.extend([("organization", organization), ("actor", actor)]);
    let others = FILTERS.iter().filter(|name| !["user", "organization", "actor"].contains(name));
    parameters.extend(others.map(|name| (*name, query.get(name))));
    visit.client.get(&address(API, &parameters)).await
}

/// The id of the portal user with this login. A text that is not a login is an id, such as that of a
/// user who was deleted.
async fn user_id(visit: &Visit, typed: &str) -> Answer<String> {
    if typed.is_empty() {
        return Ok(String::new());
    }
    Ok(with_login(visit, typed).await?.unwrap_or_else(|| typed.to_owned()))
}

/// The id of the portal user with this login.
async fn with_login(visit: &Visit, login: &str) -> Answer<Option<String>> {
    let path = address("/api/v1/users", &[("login", login), ("limit", "1")]);
    let found = visit.client.get::<Users>(&path).await?.items.into_iter().next();
    Ok(found.map(|user| user.id))
}

/// Who is meant by a name that the list shows, as the API names actors, and in words: those of the
/// actors with this name that have entries. What names its kind is meant as it is.
async fn actors(visit: &Visit, typed: &str) -> Answer<Vec<(String, String)>> {
    let names = &visit.text().names;
    let is_key = typed == "socket" || typed.split_once(':').is_some_and(|it| KINDS.contains(&it.0));
    if typed.is_empty() || is_key {
        return Ok(Vec::new());
    }
    let mut possible = vec![("administrator", typed.to_owned()), ("token", typed.to_owned())];
    possible.extend(with_login(visit, typed).await?.map(|id| ("portal-user", id)));
    possible.extend(names.part(typed).map(|part| ("system", part.to_owned())));
    let mut found = Vec::new();
    for (kind, name) in possible {
        let is_socket = kind == "system" && name == "socket";
        let (kind, key) =
            if is_socket { ("socket", name) } else { (kind, format!("{kind}:{name}")) };
        let path = address(API, &[("actor", &key), ("limit", "1")]);
        if !visit.client.get::<Listed>(&path).await?.items.is_empty() {
            found.push((key, format!("{typed} ({})", names.actors.of(kind))));
        }
    }
    Ok(found)
}

/// All kinds of entries with the words for each, in the order of the words.
fn kinds(visit: &Visit) -> Vec<(&str, &str)> {
    let words = &visit.text().names.kinds;
    let mut kinds: Vec<_> = words.iter().collect();
    kinds.sort_unstable_by_key(|(_, words)| words.to_lowercase());
    kinds
}
