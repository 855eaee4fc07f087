//! One job: how far it is, and its report.

use std::collections::BTreeMap;

use askama::Template;
use http::Method;
use serde::Deserialize;

use super::{Job, path};
use crate::admin::ui::client::Write;
use crate::admin::ui::confirmation::{self, CONFIRMED, Changes, Question};
use crate::admin::ui::end_users::{self, EndUser};
use crate::admin::ui::fields::{address, segment};
use crate::admin::ui::frame::Frame;
use crate::admin::ui::organizations::names::Names;
use crate::admin::ui::texts::Jobs;
use crate::admin::ui::visit::{PageResult, Visit};
use crate::directory::records::Authority;
use crate::web::text::Text;

/// The results of items, in the order in which they are counted.
const RESULTS: [&str; 4] = ["created", "updated", "unchanged", "skipped"];

/// A line of a report.
#[derive(Debug, Deserialize)]
struct Line {
    result: String,
    kind: String,
    id: Option<String>,
    organization: Option<String>,
    user: Option<String>,
    login: Option<String>,
    line: Option<u64>,
    reason: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Lines {
    items: Vec<Line>,
    next: Option<String>,
}

/// How many items ended in one way, and the address of the lines about them.
struct Tile<'a> {
    words: &'a Text,
    count: u64,
    address: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "admin/jobs/detail.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Jobs,
    job: Job,
    tiles: Vec<Tile<'a>>,
    lines: Vec<Line>,
    /// The names of their organizations.
    names: Names,
    /// The names of the end users among them, by their ids.
    end_users: BTreeMap<String, String>,
    /// The address of this page.
    here: String,
    next: Option<String>,
    /// Whether only lines with one result are shown.
    is_filtered: bool,
    /// Whether lines of a file are reported.
    has_file: bool,
    may_cancel: bool,
}

impl Page<'_> {
    fn result<'a>(&'a self, line: &'a Line) -> &'a str {
        result(self.text, &line.result).map_or(&line.result, Text::as_str)
    }

    fn kind<'a>(&'a self, line: &'a Line) -> &'a str {
        match &*line.kind {
            "organization" => self.text.organization.as_str(),
            "end-user" => self.text.end_user.as_str(),
            "user" => self.text.user.as_str(),
            other => other,
        }
    }
}

impl Page<'_> {
    /// What is known about an item, best first: its login, its name or its id.
    fn item<'a>(&'a self, line: &'a Line) -> &'a str {
        let id = line.id.as_deref().unwrap_or_default();
        match &*line.kind {
            _ if line.login.is_some() => line.login.as_deref().unwrap_or_default(),
            "organization" => self.names.of(id),
            "end-user" => self.end_users.get(id).map_or(id, String::as_str),
            _ => id,
        }
    }
}

impl Line {
    fn class(&self) -> &'static str {
        match &*self.result {
            "created" => "good",
            "updated" => "mark",
            "skipped" => "warn",
            _ => "",
        }
    }

    /// Its portal user as a segment of a path.
    fn user(&self) -> Option<String> {
        self.user.as_deref().map(segment)
    }

    fn organization_segment(&self) -> Option<String> {
        self.organization.as_deref().map(segment)
    }
}

fn result<'a>(text: &'a Jobs, name: &str) -> Option<&'a Text> {
    match name {
        "created" => Some(&text.created),
        "updated" => Some(&text.updated),
        "unchanged" => Some(&text.unchanged),
        "skipped" => Some(&text.skipped),
        _ => None,
    }
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let api = path(visit.id(0));
    let job: Job = visit.client.get(&api).await?;
    let text = &visit.text().jobs;
    let wanted = visit.query.get("result");
    let wanted = if RESULTS.contains(&wanted) { wanted } else { "" };
    let after = visit.query.get("after");
    let filters = [("limit", "100"), ("result", wanted), ("after", after)];
    let lines: Lines = visit.client.get(&address(&format!("{api}/lines"), &filters)).await?;
    let own = job.address();
    let counts = job.counts;
    let counts = [counts.created, counts.updated, counts.unchanged, counts.skipped];
    let tiles = RESULTS.into_iter().zip(counts).filter_map(|(name, count)| {
        let is_chosen = name == wanted;
        let address = address(&own, &[("result", if is_chosen { "" } else { name })]);
        Some(Tile { words: result(text, name)?, count, address, is_chosen })
    });
    let ids = lines.items.iter().filter_map(|line| line.organization.as_deref());
    let names = Names::read(&visit, ids).await;
    let end_users = end_user_names(&visit, &lines.items).await;
    let page = Page {
        frame: visit.frame(),
        text,
        tiles: tiles.collect(),
        here: address(&own, &[("result", wanted), ("after", after)]),
        next: lines.next.map(|next| address(&own, &[("result", wanted), ("after", &next)])),
        is_filtered: !wanted.is_empty(),
        has_file: lines.items.iter().any(|line| line.line.is_some()),
        may_cancel: job.state.is_open() && visit.may(Authority::Manage),
        lines: lines.items,
        names,
        end_users,
        job,
    };
    visit.show(&page)
}

/// The names of the end users of lines without a login. One that was deleted has none.
async fn end_user_names(visit: &Visit, lines: &[Line]) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for line in lines.iter().filter(|line| line.kind == "end-user" && line.login.is_none()) {
        let (Some(organization), Some(id)) = (&line.organization, &line.id) else { continue };
        let path = end_users::api(organization, id);
        if let Ok(end_user) = visit.client.get::<EndUser>(&path).await {
            names.insert(id.clone(), end_user.name);
        }
    }
    names
}

/// What has been done stays, which the question says.
pub(in crate::admin::ui) async fn cancel(visit: Visit) -> PageResult {
    let api = path(visit.id(0));
    let job: Job = visit.client.get(&api).await?;
    let own = job.address();
    if !visit.form.has(CONFIRMED) {
        let words = &visit.text().jobs;
        let done = job.done.to_string();
        let question = Question {
            title: words.cancel_question.with(done, job.total.to_string()).plain(),
            action: words.cancel.to_string(),
            to: "",
            back: &own,
            is_destructive: true,
            keeps_form: false,
        };
        return Ok(confirmation::ask(&visit, question, &Changes::default()));
    }
    visit.client.write(Write::new(Method::DELETE, &api)).await?;
    visit.go(&own)
}

/// The address of a form leads back to the page.
pub(in crate::admin::ui) async fn back(visit: Visit) -> PageResult {
    visit.go(&super::address(visit.id(0)))
}
