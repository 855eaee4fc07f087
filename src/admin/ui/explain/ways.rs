//! The ways out of a refusal: another group for the person, or more permissions for the group.
//!
//! Each is tried out, so that the page shows its consequences beside its button. The button names the
//! versions of the records that were tried out.

use std::collections::BTreeSet;

use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::answer::Answered;
use super::question::Question;
use crate::admin::ui::client::Write;
use crate::admin::ui::confirmation::{self, folded};
use crate::admin::ui::fields::segment;
use crate::admin::ui::groups::Group;
use crate::admin::ui::refusal::Answer;
use crate::admin::ui::visit::Visit;
use crate::admin::ui::warnings::Said;
use crate::directory::records::Authority;

/// How many groups are proposed.
const MOST: usize = 3;

/// What would let the request through.
#[derive(Debug)]
pub(super) struct Ways {
    /// The groups that the person could get.
    pub(super) moves: Vec<Way>,
    /// What the person's group could get.
    pub(super) grants: Vec<Way>,
    /// The name of the person who could be moved, if it is about one.
    pub(super) person: Option<String>,
    /// The name of the group.
    pub(super) group: String,
    /// The number of its members.
    pub(super) members: u64,
    /// Whether the permissions are there by now: the refusal was earlier.
    pub(super) is_over: bool,
    /// Whether it is over because the person is in another group than at that time.
    pub(super) is_moved: bool,
    /// Where the same question about the present state is asked.
    pub(super) again: String,
    /// Whether the visitor may do none of this.
    pub(super) is_read_only: bool,
}

/// One way, with its consequences.
#[derive(Debug)]
pub(super) struct Way {
    /// The name of the group, or of the permission.
    pub(super) name: String,
    /// Where the form is sent to.
    pub(super) action: &'static str,
    pub(super) fields: Vec<(&'static str, String)>,
    /// A sentence for each consequence, as HTML.
    sentences: Vec<String>,
    pub(super) warnings: Vec<Said>,
    /// Why it cannot be done.
    pub(super) problem: Option<String>,
}

/// A portal user, as far as this page needs it.
#[derive(Debug, Deserialize)]
struct User {
    login: String,
    group: String,
}

impl Ways {
    /// The ways out of this answer; `None` if it is no refusal that a group could change.
    pub(super) async fn of(
        visit: &Visit,
        answer: &Answered,
        groups: &[Group],
        question: &Question<'_>,
    ) -> Answer<Option<Self>> {
        let (reason, missing) = answer.with_access();
        if !["missing-permission", "no-portal-access"].contains(&reason) {
            return Ok(None);
        }
        let id = answer.user_id().map(str::to_owned);
        let person = match &id {
            Some(id) => {
                let path = format!("/api/v1/users/{}", segment(id));
                visit.client.record::<User>(&path).await.ok()
            }
            None => None,
        };
        // A reference is about the group that the person had then.
        let group = person.as_ref().map(|it| &*it.record.group).or_else(|| answer.group());
        let Some(group) = groups.iter().find(|it| Some(&*it.id) == group) else { return Ok(None) };
        let needs_any = answer.needs_any();
        let lets_in = |group: &Group| group.has(&answer.needed, needs_any);
        let request = (
            answer.method.as_deref().unwrap_or(question.method),
            answer.target.as_deref().unwrap_or(question.target),
        );
        let about = person.as_ref().map(|person| &*person.record.login);
        let back = question.about((about, &group.id), request);
        let mut ways = Self {
            moves: Vec::new(),
            grants: Vec::new(),
            person: about.map(str::to_owned),
            group: group.name.clone(),
            members: group.users,
            is_moved: person.is_some() && answer.group().is_some_and(|then| then != group.id),
            is_over: answer.time.is_some() && lets_in(group) && reason == "missing-permission",
            again: back.clone(),
            is_read_only: !visit.may(Authority::Manage),
        };
        if ways.is_over || ways.is_read_only {
            return Ok(Some(ways));
        }
        if let (Some(id), Some(person)) = (&id, &person) {
            for to in nearest(group, groups, lets_in) {
                let write = json!({ "group": to.id });
                let path = format!("/api/v1/users/{}", segment(id));
                let tried = Write::new(Method::PATCH, &path).with(&write).at(&person.version);
                let fields = vec![
                    ("user", id.clone()),
                    ("group", to.id.clone()),
                    ("version", person.version.clone()),
                    ("back", back.clone()),
                ];
                let way = Way::tried(visit, tried, &to.name, ("/explain/move", fields)).await?;
                ways.moves.push(way);
            }
        }
        if reason == "missing-permission" && visit.may_over_gateway(Authority::Manage) {
            let missing = missing.iter().map(String::as_str).collect::<Vec<_>>();
            let alternatives: Vec<&[&str]> = match needs_any {
                true => missing.chunks(1).take(MOST).collect(),
                false => vec![&missing],
            };
            for added in alternatives {
                ways.grants.push(grant(visit, answer, group, (added, &back)).await?);
            }
        }
        Ok(Some(ways))
    }
}

/// The groups that would do and differ least from a group.
fn nearest<'a>(
    from: &Group,
    groups: &'a [Group],
    lets_in: impl Fn(&Group) -> bool,
) -> Vec<&'a Group> {
    let own: BTreeSet<&String> = from.permissions.iter().collect();
    let differs =
        |group: &Group| own.symmetric_difference(&group.permissions.iter().collect()).count();
    let of = groups.iter().map(|group| group.of).max();
    // The group with fewer is for visitors without a sign-in.
    let fits = |group: &&Group| group.id != from.id && Some(group.of) == of && lets_in(group);
    let mut fitting: Vec<&Group> = groups.iter().filter(fits).collect();
    fitting.sort_by_key(|group| differs(group));
    fitting.truncate(MOST);
    fitting
}

async fn grant(
    visit: &Visit,
    answer: &Answered,
    group: &Group,
    (added, back): (&[&str], &str),
) -> Answer<Way> {
    let path = format!("/api/v1/groups/{}", group.segment());
    let stored = visit.client.record::<Group>(&path).await?;
    let permissions = stored.record.with(added);
    let write = json!({ "permissions": permissions });
    let tried = Write::new(Method::PATCH, &path).with(&write).at(&stored.version);
    let names: Vec<&str> = added.iter().map(|id| answer.name(id)).collect();
    let mut fields = vec![
        ("group", group.id.clone()),
        ("version", stored.version.clone()),
        ("back", back.to_owned()),
    ];
    fields.extend(added.iter().map(|id| ("permission", (*id).to_owned())));
    Way::tried(visit, tried, &names.join(", "), ("/explain/grant", fields)).await
}

impl Way {
    /// The consequences that are shown at first.
    pub(super) fn first(&self) -> &[String] {
        folded(&self.sentences).0
    }

    /// The further ones.
    pub(super) fn rest(&self) -> &[String] {
        folded(&self.sentences).1
    }

    async fn tried(
        visit: &Visit,
        write: Write<'_>,
        name: &str,
        (action, fields): (&'static str, Vec<(&'static str, String)>),
    ) -> Answer<Self> {
        let way = |sentences, warnings, problem| Self {
            name: name.to_owned(),
            action,
            fields,
            sentences,
            warnings,
            problem,
        };
        match confirmation::tried(visit, write).await {
            Ok(changes) => {
                let text = visit.text();
                Ok(way(changes.sentences(text), changes.warnings(text), None))
            }
            Err(refusal) if refusal.is_about_the_form() => {
                Ok(way(Vec::new(), Vec::new(), Some(refusal.detail.clone())))
            }
            Err(refusal) => Err(refusal),
        }
    }
}
