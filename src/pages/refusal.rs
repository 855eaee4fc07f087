//! The gateway's refusals in plain words.

use axum::body::Body;
use http::{Response, StatusCode};
use jiff::Timestamp;

use super::notice::{Action, Notice, Words};
use super::response::{redirect, see_other};
use super::return_to::ReturnTo;
use super::{Desk, sign_in};
use crate::clock;
use crate::gateway::{Refusal, Refused, Wants};
use crate::policy::{Access, Denial, Policy, Reason, RequestTarget, Requirement};

/// When to try again while the portal does not answer, in seconds.
const PORTAL_RETRY: u64 = 30;

impl Desk {
    /// The answer to a request that does not go through.
    pub(super) fn refused(&self, refused: &Refused<'_>) -> Response<Body> {
        let Refused { refusal, wants, request_id } = *refused;
        let reason = refusal.reason();
        let notice = match refusal {
            Refusal::PortalDisabled { url } => match redirect(StatusCode::FOUND, url) {
                Some(response) => return response,
                None => portal_down(reason, "The portal is closed at the moment."),
            },
            Refusal::Elsewhere { url } => match (wants, redirect(StatusCode::FOUND, url)) {
                (Wants::Page, Some(response)) => return response,
                (Wants::Page | Wants::Problem, _) => elsewhere(reason),
            },
            Refusal::SignIn { target, organization } => match wants {
                Wants::Page => return self.to_sign_in(target, organization, clock::now()),
                Wants::Problem => sign_in_first(reason, organization.is_some()),
            },
            Refusal::Denied { denial, policy } => denied(denial, policy, &self.brand.name),
            Refusal::BadRequest { .. } => bad_request(reason),
            Refusal::UnknownHost => unknown_host(reason),
            Refusal::ForeignOrigin => foreign_origin(reason),
            Refusal::StoreUnavailable => Notice::store_unavailable(),
            Refusal::PortalDown => portal_down(reason, "The portal can't be reached."),
            Refusal::PortalBroken => portal_down(reason, "The portal's answer made no sense."),
            Refusal::PortalSlow => portal_slow(reason),
        };
        self.notice(&notice, wants, request_id)
    }

    fn to_sign_in(
        &self,
        target: Option<&RequestTarget>,
        organization: Option<&str>,
        now: Timestamp,
    ) -> Response<Body> {
        let hint = organization.map(|id| (id, self.organization_hint(id, now)));
        let hint = hint.as_ref().map(|(id, hint)| (*id, hint.as_str()));
        see_other(&sign_in::address(&target.map(ReturnTo::of).unwrap_or_default(), hint))
    }
}

/// What the pages themselves have to say.
impl Notice {
    pub(super) fn no_such_page() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "no-such-page",
            "There is no such page",
            "The address may have been mistyped, or the page is not there any more.",
        )
        .with(Action::START)
    }

    pub(super) fn not_done_here() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "This page can't do that",
            "The page is there, but it doesn't answer this kind of request.",
        )
        .with(Action::START)
    }

    pub(super) fn foreign_form() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "foreign-form",
            "That didn't come from this site",
            "The form was sent from another site, or your browser doesn't say where it came from. \
             To be safe, nothing was done.",
        )
        .advise("Open the page here and send it again.")
        .with(Action::SIGN_IN)
    }

    pub(super) fn unreadable_form() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "unreadable-form",
            "The form can't be read",
            "What arrived is not what this page sends, so nothing was done.",
        )
        .advise("Open the page again and fill it in once more.")
        .with(Action::SIGN_IN)
    }

    pub(super) fn no_portal_access(operator: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            Reason::NoPortalAccess.as_str(),
            "Your account can't use the portal",
            "You signed in correctly, but the portal is not open to your account.",
        )
        .advise(format!("If you think it should be, ask {operator}."))
    }

    pub(super) fn dead_link(operator: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "dead-link",
            "This link doesn't work any more",
            "It was replaced by a newer one or switched off, or a part of it is missing.",
        )
        .advise(format!("Ask {operator} for the current link, or sign in if you have a login."))
        .with(Action::SIGN_IN)
    }
}

fn bad_request(reason: &'static str) -> Notice {
    Notice::new(
        StatusCode::BAD_REQUEST,
        reason,
        "This address can't be opened",
        "The request can be read in more than one way, or not at all, so it was not passed on.",
    )
    .advise("Check the address, or start again from the start page.")
    .with(Action::START)
}

fn unknown_host(reason: &'static str) -> Notice {
    Notice::new(
        StatusCode::MISDIRECTED_REQUEST,
        reason,
        "There is no portal at this address",
        "This server does not answer for the host name in the address.",
    )
    .advise("Check the address.")
}

fn foreign_origin(reason: &'static str) -> Notice {
    Notice::new(
        StatusCode::FORBIDDEN,
        reason,
        "That didn't come from this site",
        "A page of another site asked for this connection, so it was not opened.",
    )
}

fn elsewhere(reason: &'static str) -> Notice {
    Notice::new(
        StatusCode::FORBIDDEN,
        reason,
        "You can't do this with this account",
        "The portal sends this account elsewhere.",
    )
    .with(Action::START)
}

fn sign_in_first(reason: &'static str, came_by_link: bool) -> Notice {
    let detail = if came_by_link {
        "The secure link is not enough for this any more."
    } else {
        "Nobody is signed in, or the session has ended."
    };
    Notice::new(StatusCode::UNAUTHORIZED, reason, "Sign in first", detail)
        .advise("Sign in at /.portcullis/sign-in, then try again.")
}

fn portal_down(reason: &'static str, detail: &str) -> Notice {
    Notice::new(
        StatusCode::BAD_GATEWAY,
        reason,
        "The portal is not available right now",
        format!("{detail} Nothing you did caused this."),
    )
    .advise("Try again in a minute.")
    .with(Action::AGAIN)
    .retry_after(PORTAL_RETRY)
}

fn portal_slow(reason: &'static str) -> Notice {
    Notice::new(
        StatusCode::GATEWAY_TIMEOUT,
        reason,
        "The portal takes too long",
        "It did not answer in time. If you were saving something, check whether it was saved \
         before you send it again.",
    )
    .with(Action::START)
    .retry_after(PORTAL_RETRY)
}

fn denied(denial: &Denial, policy: &Policy, operator: &str) -> Notice {
    let reason = denial.reason();
    let (title, detail) = match reason {
        Reason::NoPortalAccess => {
            return Notice::no_portal_access(operator).with(Action::SOMEBODY_ELSE);
        }
        Reason::MissingPermission => return lacking(denial, policy, operator),
        Reason::OtherOrganization => (
            "This belongs to another organization",
            "Your account can open the pages of its own organization only.",
        ),
        Reason::NoRoute => (
            "There is nothing for you here",
            "This address is not a part of the portal that is open to anybody.",
        ),
        Reason::MethodNotAllowed => {
            ("This can't be done here", "The page does not answer this kind of request.")
        }
        Reason::AmbiguousPath | Reason::AmbiguousQuery => (
            "This address can't be opened",
            "It can be read in more than one way, so it was not passed on.",
        ),
        Reason::QueryNotAllowed => {
            ("This can't be done here", "The page is not open to what the address asks it for.")
        }
        Reason::WebsocketNotAllowed => {
            ("This can't be done here", "This address takes no live connections.")
        }
        Reason::RouteClosed => ("This page is closed", "It is not open to anybody."),
        Reason::Public
        | Reason::SignedIn
        | Reason::Permitted
        | Reason::NoSession
        | Reason::SessionExpired => {
            ("You can't open this page with this account", "It is not open to this account.")
        }
    };
    Notice::new(StatusCode::FORBIDDEN, reason.as_str(), title, detail)
        .advise(format!("If you think it should be, ask {operator}."))
        .with(Action::START)
        .with(Action::SOMEBODY_ELSE)
}

/// Names what the route needs, in the words of the catalogue.
fn lacking(denial: &Denial, policy: &Policy, operator: &str) -> Notice {
    let (set, every) = match denial.route().map(|route| route.access()) {
        Some(Access::Require(Requirement::All(set))) => (set, true),
        Some(Access::Require(Requirement::Any(set))) => (set, false),
        Some(Access::Public | Access::SignedIn | Access::Deny) | None => (<_>::default(), true),
    };
    let permissions = policy.catalogue().permissions();
    let names: Vec<&str> = set
        .iter()
        .filter_map(|index| permissions.get(index))
        .map(|permission| permission.name.as_str())
        .collect();
    let mut advice = vec![Words::Plain(match names.len() {
        0 => format!("Ask {operator} to change what your group may do"),
        1 => format!("Ask {operator} to give your group "),
        _ if every => format!("Ask {operator} for a group that has "),
        _ => format!("Ask {operator} to give your group "),
    })];
    for (number, name) in names.iter().enumerate() {
        if number > 0 {
            let last = number + 1 == names.len();
            let between = if !last {
                ", "
            } else if every {
                " and "
            } else {
                " or "
            };
            advice.push(Words::Plain(between.to_owned()));
        }
        advice.push(Words::Name((*name).to_owned()));
    }
    advice.push(Words::Plain(".".to_owned()));
    Notice::new(
        StatusCode::FORBIDDEN,
        Reason::MissingPermission.as_str(),
        refused_action(&names),
        "Your group doesn't have the permission this needs.",
    )
    .advise_with(advice)
    .with(Action::START)
    .with(Action::SOMEBODY_ELSE)
}

/// "You can't open invoices with this account", when that is what it is about.
fn refused_action(names: &[&str]) -> String {
    let mut sections = names.iter().map(|name| {
        let (section, action) = name.split_once(" – ")?;
        (action == "View" || action.starts_with("View ")).then_some(section)
    });
    match sections.next().flatten() {
        Some(section) if sections.all(|other| other == Some(section)) => {
            format!("You can't open {} with this account", section.to_lowercase())
        }
        Some(_) | None => "You can't do this with this account".to_owned(),
    }
}
