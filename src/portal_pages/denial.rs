//! The policy's denials in words: what is missing, and whom to ask for it.

use http::StatusCode;

use super::notices::{Destination, Notices};
use crate::web::notice::Notice;
use crate::web::text::Value;
use portcullis_policy::{
    Access, Denial, PermissionSet, Policy, Reason, Requirement, SessionKind, Subject,
};

/// The client that was denied, and what it asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker<'a> {
    /// `None` without a session.
    pub(super) subject: Option<&'a Subject>,
    /// Whether the request may change something. Any other opens a page.
    pub(super) may_change: bool,
}

impl Asker<'_> {
    fn is_by_link(self) -> bool {
        self.subject.is_some_and(|subject| subject.kind == SessionKind::Link)
    }

    /// Adds links that lead on; none to another account without a first one.
    fn add_links<'a>(self, notices: Notices<'a>, notice: Notice<'a>) -> Notice<'a> {
        let notice = notices.link(notice, Destination::Start);
        if self.subject.is_some_and(|subject| subject.kind.is_staff()) {
            return notices.link(notice, Destination::StopView);
        }
        if self.subject.is_none() || self.is_by_link() {
            return notices.link(notice, Destination::SignIn);
        }
        let notice = notices.link(notice, Destination::SwitchAccount);
        notices.link(notice, Destination::Account)
    }
}

/// The notice for a denial.
pub(super) fn denied<'a>(
    notices: Notices<'a>,
    (denial, policy): (&Denial, &'a Policy),
    asker: Asker<'_>,
) -> Notice<'a> {
    let texts = &notices.text.denied;
    let reason = denial.reason();
    let text = match reason {
        Reason::NoPortalAccess | Reason::AccountDisabled => {
            return notices.no_access_in_session(reason);
        }
        Reason::OrganizationParked => return organization_parked(notices, asker),
        Reason::MissingPermission => return missing_permission(notices, (denial, policy), asker),
        Reason::OtherOrganization => &texts.other_organization,
        Reason::NoRoute => &texts.no_route,
        Reason::MethodNotAllowed => &texts.method,
        Reason::AmbiguousPath | Reason::AmbiguousQuery => &texts.ambiguous,
        Reason::QueryNotAllowed => &texts.query,
        Reason::WebsocketNotAllowed => &texts.websocket,
        Reason::AddressNotAllowed => &texts.address,
        Reason::RouteClosed => &texts.closed,
        Reason::StaffNotAllowed => &texts.staff,
        Reason::Public
        | Reason::SignedIn
        | Reason::Permitted
        | Reason::Trial
        | Reason::NoSession
        | Reason::SessionExpired
        | Reason::BadTarget(_) => &texts.otherwise,
    };
    let notice = notices.statement(StatusCode::FORBIDDEN, reason.as_str(), text);
    // No account can open a closed route, and staff need not ask themselves.
    let notice = match reason {
        Reason::RouteClosed | Reason::StaffNotAllowed => notice,
        _ => notice.advise(texts.ask.with(notices.operator)),
    };
    asker.add_links(notices, notice)
}

/// The operator has closed the portal for the organization of the session.
fn organization_parked<'a>(notices: Notices<'a>, asker: Asker<'_>) -> Notice<'a> {
    let is_staff = asker.subject.is_some_and(|subject| subject.kind.is_staff());
    let out = if is_staff { Destination::StopView } else { Destination::SignOut };
    let reason = asker.subject.and_then(|subject| subject.parked.as_deref());
    notices.organization_parked(reason.unwrap_or_default(), Some(out))
}

/// Names the missing permissions as the permission catalogue does.
fn missing_permission<'a>(
    notices: Notices<'a>,
    (denial, policy): (&Denial, &'a Policy),
    asker: Asker<'_>,
) -> Notice<'a> {
    let Notices { text, operator, .. } = notices;
    let by_link = asker.is_by_link();
    let texts = if by_link { &text.denied.permission_by_link } else { &text.denied.permission };
    let (set, every) = match denial.route().map(|route| route.access()) {
        Some(Access::Require(Requirement::All(set))) => (set, true),
        Some(Access::Require(Requirement::Any(set))) => (set, false),
        Some(Access::Public | Access::SignedIn | Access::Deny) | None => (<_>::default(), true),
    };
    let catalogue = policy.catalogue();
    let held = asker.subject.map(|subject| subject.held(catalogue)).unwrap_or_default();
    let missing = set.difference(held);
    // A link cannot be given permissions that depend on the person (R3).
    let grantable = missing.intersection(catalogue.without_identity());
    let to_ask_for = match by_link {
        true if every && grantable != missing => <_>::default(),
        true => grantable,
        false => missing,
    };
    let title = match section(&names(policy, set), &names(policy, held)) {
        _ if asker.may_change => texts.any.title.with(),
        Some(section) => texts.title_of_section.with(section, section.to_lowercase()),
        None => texts.title_of_page.with(),
    };
    let names = names(policy, to_ask_for);
    let needed = match names.len() {
        0 => None,
        count if every && count > 1 => {
            let all = Value::names(&names, &text.list, &text.list.and);
            Some(text.denied.needed_all.with(all))
        }
        _ => Some(text.denied.needed.with(Value::names(&names, &text.list, &text.list.or))),
    };
    let reason = Reason::MissingPermission.as_str();
    let notice = Notice::of(StatusCode::FORBIDDEN, reason, title, texts.any.detail.with());
    let notice = notice.advise(texts.ask.with(operator)).in_small_type(needed);
    asker.add_links(notices, notice)
}

fn names(policy: &Policy, set: PermissionSet) -> Vec<&str> {
    let permissions = policy.catalogue().permissions();
    let named = set.iter().filter_map(|index| permissions.get(index));
    named.map(|permission| permission.name.as_str()).collect()
}

/// The section, such as "Invoices", if it does not open at all: all permissions are in it, and are
/// about viewing it, or no permission in it is held.
fn section<'a>(names: &[&'a str], held: &[&str]) -> Option<&'a str> {
    let split = |name: &'a str| name.split_once(" – ");
    let mut sections = names.iter().map(|name| split(name));
    let (first, _) = sections.next().flatten()?;
    if !sections.all(|other| other.is_some_and(|(section, _)| section == first)) {
        return None;
    }
    let is_view = |name: &&'a str| {
        split(name).is_some_and(|(_, action)| action == "View" || action.starts_with("View "))
    };
    let is_in_section = |name: &&str| name.split_once(" – ").is_some_and(|(of, _)| of == first);
    (names.iter().all(is_view) || !held.iter().any(is_in_section)).then_some(first)
}
