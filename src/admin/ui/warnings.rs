//! The warnings of the API in the visitor's language, by their names. What they are about is set as
//! code.

use std::borrow::Cow;
use std::fmt::Write as _;

use askama::Template;

use super::texts::{Catalogue, Warnings as Words};
use crate::directory::warning::{ClosedBecause, Subject, Warning, WarningName as Name};
use crate::web::text::{Filled, Value};

/// The organizations that a warning names by their ids, and permissions likewise. A page names them by
/// their names.
#[derive(Debug)]
pub(super) enum ByIds<'a> {
    Organizations(&'a mut [Subject]),
    Permissions(&'a mut [Subject]),
    Nothing,
}

impl<'a> ByIds<'a> {
    pub(super) fn of(warning: &'a mut Warning) -> Self {
        let about = warning.about.as_mut_slice();
        match warning.name {
            Name::OrganizationParked | Name::LinkCloses | Name::LinkOpens | Name::LinkReplaced => {
                Self::Organizations(about)
            }
            // The first is a login.
            Name::LinkStaysClosed => Self::Organizations(about.get_mut(1..).unwrap_or_default()),
            Name::PaymentWithoutSignIn => Self::Permissions(about),
            _ => Self::Nothing,
        }
    }
}

/// A warning in words. Rendered as HTML.
#[derive(Debug, Template)]
#[template(path = "admin/warning.html")]
pub(super) struct Said {
    name: String,
    /// As HTML.
    statement: String,
    items: Vec<Item>,
    /// What the API says besides: texts, and names set as code.
    detail: Vec<(String, bool)>,
    /// Whether that is what another program or a file says, in English.
    is_foreign: bool,
}

/// A route that a warning lists.
#[derive(Debug)]
struct Item {
    name: String,
    /// Its requests, or the people whom it concerns, in words.
    more: String,
}

/// Its parts are escaped when it is rendered.
impl askama::filters::HtmlSafe for Said {}

impl Said {
    pub(super) fn of(warning: &Warning, text: &Catalogue) -> Self {
        let name = serde_json::to_value(warning.name).unwrap_or_default();
        let name = name.as_str().unwrap_or_default().to_owned();
        let words = &text.warnings;
        let statement = statement(warning, words);
        let lists = match warning.name {
            Name::OpensWithoutSignIn
            | Name::RoutesOpen
            | Name::RoutesClose
            | Name::RoutesBecomePublic => warning.about.as_slice(),
            _ => &[],
        };
        let items = lists.iter().map(|subject| Item::of(subject, text)).collect();
        // Reasons to skip something are our own.
        let is_foreign = warning.name != Name::Skipped;
        let detail = detail(warning);
        let detail = match is_foreign {
            true => in_parts(&detail),
            false => in_parts(&text.api.translate(&detail)),
        };
        Self { name, statement, items, detail, is_foreign }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Item {
    fn of(subject: &Subject, text: &Catalogue) -> Self {
        let people = subject.people.map(|people| match people {
            1 => text.consequences.one_person.to_string(),
            people => text.consequences.people.with(people.to_string()).plain(),
        });
        let more = subject.requests.clone().or(people).unwrap_or_default();
        Self { name: subject.name.clone(), more }
    }
}

/// What is shown after the statement, and which it does not have: what another program or a file says,
/// or who is skipped and why.
fn detail(warning: &Warning) -> Cow<'_, str> {
    let first = warning.about.first().map_or("", |subject| &*subject.name);
    match warning.name {
        Name::Skipped | Name::ExpectationsNotMet => warning.detail.as_str().into(),
        // It begins with the address, which the statement has.
        Name::PortalUnreachable => {
            let detail = warning.detail.strip_prefix(first).and_then(|it| it.strip_prefix(": "));
            detail.unwrap_or(&warning.detail).into()
        }
        Name::PolicyNotReloaded => match warning.more {
            Some(more) => format!("{first} (and {more} more)").into(),
            None => first.into(),
        },
        _ => "".into(),
    }
}

/// A text with names in backquotes, as its parts; `true` for a name.
fn in_parts(text: &str) -> Vec<(String, bool)> {
    let parts = text.split('`').enumerate();
    parts
        .filter(|(_, part)| !part.is_empty())
        .map(|(n, part)| (part.to_owned(), n % 2 == 1))
        .collect()
}

/// What a warning says, as HTML.
fn statement(warning: &Warning, words: &Words) -> String {
    let names = || names(warning, words);
    let [first, second] = [0, 1].map(|place| {
        warning.about.get(place).map_or_else(String::new, |subject| subject.name.clone())
    });
    let count = warning.count.unwrap_or_default();
    match warning.name {
        Name::OrganizationParked => html(&[&words.organization_parked.with(names())]),
        Name::LinkCloses => {
            let because = warning.cause.map(|cause| match cause {
                ClosedBecause::PortalUsers => words.because_portal_users.with(),
                ClosedBecause::Parked => words.because_parked.with(),
                ClosedBecause::Preference => words.because_preference.with(),
            });
            let mut parts = vec![words.link_closes.with(names())];
            parts.extend(because);
            parts.extend((count > 0).then(|| words.link_sessions.of(count)));
            html(&parts.iter().collect::<Vec<_>>())
        }
        Name::LinkOpens => html(&[&words.link_opens.with(names())]),
        Name::LinkReplaced => {
            let mut parts = vec![words.link_replaced.with(names())];
            parts.extend((count > 0).then(|| words.link_sessions.of(count)));
            html(&parts.iter().collect::<Vec<_>>())
        }
        Name::LinkStaysClosed => html(&[&words.link_stays_closed.with(first, second)]),
        Name::InvitationEnds => html(&[&words.invitation_ends.with(names())]),
        Name::ResetEnds => html(&[&words.reset_ends.with(names())]),
        Name::TokensRevoked => html(&[&words.tokens_revoked.of(count)]),
        Name::DefaultGroupChanges => html(&[&words.default_group_changes.with(first, second)]),
        Name::DefaultGroupWithoutAccess => html(&[&words.default_group_without_access.with()]),
        Name::DefaultGroupHasAllPermissions => {
            html(&[&words.default_group_has_all_permissions.with(first, second)])
        }
        Name::PortalDisabled => {
            let mut parts = vec![words.portal_disabled.with(names())];
            parts.extend((count > 0).then(|| words.sessions_stay.of(count)));
            html(&parts.iter().collect::<Vec<_>>())
        }
        Name::PortalEnabled => {
            let mut parts = vec![words.portal_enabled.with()];
            parts.extend((count > 0).then(|| words.sessions_continue.of(count)));
            html(&parts.iter().collect::<Vec<_>>())
        }
        Name::PaymentWithoutSignIn => html(&[&words.payment_without_sign_in.with(names())]),
        Name::OpensWithoutSignIn => html(&[&words.opens_without_sign_in.with()]),
        Name::RoutesOpen => html(&[&words.routes_open.with()]),
        Name::RoutesClose => html(&[&words.routes_close.with()]),
        Name::RoutesBecomePublic => html(&[&words.routes_become_public.with()]),
        Name::SecondFactorNoLongerAsked => {
            html(&[&words.second_factor_no_longer_asked.with(names())])
        }
        Name::InvitationSentElsewhere => match warning.count {
            Some(count) => {
                html(&[&words.invitations_sent_elsewhere.with(count.to_string(), names())])
            }
            None => html(&[&words.invitation_sent_elsewhere.with(first, second)]),
        },
        Name::NameInUse => html(&[&words.name_in_use.with(names())]),
        // The detail has it.
        Name::Skipped => String::new(),
        Name::StoreStale => html(&[&words.store_stale.with()]),
        Name::PortalUnreachable => html(&[&words.portal_unreachable.with(names())]),
        Name::PortalDraining => html(&[&words.portal_draining.with(names())]),
        Name::ExpectationsNotMet => html(&[&words.expectations_not_met.with()]),
        Name::PolicyNotReloaded => html(&[&words.policy_not_reloaded.with()]),
        Name::TokenNeverExpires => html(&[&words.token_never_expires.with(names())]),
        Name::TokenExpiresSoon => html(&[&words.token_expires_soon.with(names())]),
        Name::MailFailed => html(&[&words.mail_failed.of(count)]),
        Name::MailUnconfirmed => html(&[&words.mail_unconfirmed.of(count)]),
        Name::CertificateExpiresSoon => html(&[&words.certificate_expires_soon.with(names())]),
        Name::CertificateExpired => html(&[&words.certificate_expired.with(names())]),
        Name::CertificateNotReloaded => html(&[&words.certificate_not_reloaded.with(names())]),
        Name::BackupFailed => html(&[&words.backup_failed.with(names())]),
    }
}

/// What a warning is about, as a value of a text.
fn names<'a>(warning: &'a Warning, words: &'a Words) -> Value<'a> {
    let names = warning.about.iter().map(|subject| subject.name.as_str().into()).collect();
    let more = warning.more.map(|more| words.more.with(more.to_string()).plain());
    Value::Names { names, comma: &words.comma, last: &words.and, more }
}

/// Sentences one after the other.
fn html(sentences: &[&Filled<'_>]) -> String {
    let mut text = String::new();
    for (number, sentence) in sentences.iter().enumerate() {
        let space = if number > 0 { " " } else { "" };
        // Writing to a string does not fail.
        let _ = write!(text, "{space}{sentence}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::ui::texts::{SHIPPED, Texts};

    fn said(warning: &Warning, language: &'static str) -> String {
        let texts = Texts::load(&SHIPPED, None).unwrap();
        let language = http::HeaderValue::from_static(language);
        Said::of(warning, texts.accepted(Some(&language))).render().unwrap()
    }

    #[test]
    fn what_a_warning_is_about_is_set_as_code_and_escaped() {
        let warning = Warning::new(Name::LinkCloses, "not shown").about(["a<b", "acme"]);
        let warning =
            Warning { cause: Some(ClosedBecause::Parked), ..warning.and_more(3).count(1) };
        let english = said(&warning, "en");
        assert_eq!(
            english.trim(),
            "The secure link of <code>a&#60;b</code>, <code>acme</code> and 3 more no longer opens \
             sessions. The portal is closed there. 1 open session of it ends."
        );
        let german = said(&warning, "de");
        assert!(german.contains("<code>acme</code> und 3 weiteren öffnet keine"), "{german}");
    }

    #[test]
    fn routes_are_listed_with_their_people_or_requests() {
        let subject = Subject { people: Some(2), ..Subject::from("tickets") };
        let warning = Warning::new(Name::RoutesOpen, "not shown").about([subject]);
        let german = said(&warning, "de");
        assert!(german.contains("<code>tickets</code> (2 Personen)"), "{german}");
    }

    #[test]
    fn nothing_is_said_twice() {
        let rows = Warning::new(Name::Skipped, "2 of 242 rows would be skipped").count(2);
        assert_eq!(said(&rows, "en").trim(), "<span>2 of 242 rows would be skipped</span>");
        let german = said(&rows, "de");
        assert_eq!(german.trim(), "<span>2 von 242 Zeilen würden übersprungen</span>");

        let detail = "the policy files have errors, so the policy of today stays in force: \
                      routes.toml:4: no such permission";
        let policy = Warning::new(Name::PolicyNotReloaded, detail);
        let policy = policy.about(["routes.toml:4: no such permission"]);
        let english = said(&policy, "en");
        assert_eq!(english.matches("policy files").count(), 1, "{english}");
        assert_eq!(english.matches("in force").count(), 1, "{english}");
        assert!(english.contains("routes.toml:4: no such permission</span>"), "{english}");
        let more = said(&policy.and_more(2), "en");
        assert!(more.contains("no such permission (and 2 more)</span>"), "{more}");

        let disabled = Warning::new(Name::PortalDisabled, "").about(["https://a.example/"]);
        assert!(!said(&disabled.clone().count(0), "en").contains("session"));
        assert!(said(&disabled.count(1), "en").contains("1 open session stays"));
    }

    #[test]
    fn invitations_that_go_elsewhere_are_counted() {
        let name = Name::InvitationSentElsewhere;
        let one = Warning::new(name, "").about(["ann@a.example", "office@a.example"]);
        let english = said(&one, "en");
        assert!(
            english.contains("goes to <code>office@a.example</code>, not to <code>ann@"),
            "{english}"
        );
        let many = Warning::new(name, "").about(["office@a.example"]).count(240);
        let german = said(&many, "de");
        assert!(
            german.contains("240 Einladungen gehen an <code>office@a.example</code>, nicht"),
            "{german}"
        );
    }

    #[test]
    fn what_another_program_says_stays_in_english() {
        let warning = Warning::new(Name::PortalUnreachable, "`a:1` <refused>").about(["a:1"]);
        let german = said(&warning, "de");
        assert!(german.contains("antwortet nicht"), "{german}");
        let passed_on = "<span lang=\"en\"><code>a:1</code> &#60;refused&#62;</span>";
        assert!(german.contains(passed_on), "{german}");
        let skipped = Warning::new(Name::Skipped, "line 2: group: there is no group `x`");
        let german = said(&skipped, "de");
        assert!(
            german.contains("<span>Zeile 2: Gruppe: Gruppe <code>x</code> gibt es"),
            "{german}"
        );
        let unreachable = Warning::new(Name::PortalUnreachable, "a:1: refused").about(["a:1"]);
        assert_eq!(said(&unreachable, "en").matches("a:1").count(), 1);
        let own = said(&Warning::new(Name::StoreStale, "in English"), "de");
        assert!(!own.contains("in English"), "{own}");
    }
}
