//! The list of emails, and the form for a test email.

use askama::Template;
use serde::Deserialize;

use super::{API, Mail, STATES, Tested, state};
use crate::admin::ui::fields::address;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::refusal::Answer;
use crate::admin::ui::texts::Mail as Words;
use crate::admin::ui::visit::{PageResult, Visit};
use crate::directory::records::Authority;
use crate::web::text::Text;

#[derive(Debug, Default, Deserialize)]
struct Listed {
    items: Vec<Mail>,
    next: Option<String>,
    hidden: Option<u64>,
}

#[derive(Template)]
#[template(path = "admin/mail/list.html")]
pub(super) struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Words,
    mails: Vec<Mail>,
    /// The state that is shown; empty for all.
    state: &'static str,
    login: &'a str,
    next: Option<String>,
    hidden: u64,
    /// What is wrong with the filter.
    problem: Option<String>,
    may_test: bool,
    /// The address for a test email, what is wrong with it, and what became of the email.
    pub(super) to: &'a str,
    pub(super) to_problem: Option<String>,
    pub(super) tested: Option<Tested>,
}

impl Page<'_> {
    /// The states to choose from, with their names.
    fn states(&self) -> impl Iterator<Item = (&'static str, &Text)> {
        STATES.into_iter().filter_map(|name| Some((name, state(self.text, name)?)))
    }

    fn is_chosen(&self, state: &str) -> bool {
        self.state == state
    }

    fn is_filtered(&self) -> bool {
        !self.state.is_empty() || !self.login.is_empty()
    }
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    visit.show(&page(&visit).await?)
}

/// The list with the filters of the page's query.
pub(super) async fn page(visit: &Visit) -> Answer<Page<'_>> {
    let query = &visit.query;
    let state = STATES.into_iter().find(|state| *state == query.get("state")).unwrap_or_default();
    let login = query.get("login");
    let filters = [("state", state), ("login", login)];
    let [by_state, by_login] = filters;
    let path = address(API, &[by_state, by_login, ("limit", "50"), ("after", query.get("after"))]);
    let (listed, problem) = match visit.client.get::<Listed>(&path).await {
        Ok(listed) => (listed, None),
        Err(refusal) if refusal.is_about_the_form() => {
            (Listed::default(), Some(refusal.detail.clone()))
        }
        Err(refusal) => return Err(refusal),
    };
    let next = listed.next.map(|next| address("/mail", &[by_state, by_login, ("after", &next)]));
    Ok(Page {
        frame: visit.frame(),
        text: &visit.text().mail,
        mails: listed.items,
        state,
        login,
        next,
        hidden: listed.hidden.unwrap_or_default(),
        problem,
        may_test: visit.may_over_gateway(Authority::Support),
        to: "",
        to_problem: None,
        tested: None,
    })
}
