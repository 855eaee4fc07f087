//! What rules do without saying so, and what may not have been meant.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_policy::{PermissionSet, Route, built_in};
use portcullis_store::{Key, StoreError};

use super::changed_users::ChangedUser;
use super::comparison::Comparison;
use super::effects::{Consequences, EndedSessions, Stranded};
use super::invitations::SentElsewhere;
use super::links::{LinkCause, LinkChange};
use crate::directory::records::{GroupId, Occasion, OrganizationId, User, UserStatus};
use crate::directory::state::Snapshot;
use crate::directory::warning::{ClosedBecause, Subject, Warning, WarningName as Name};

/// The permissions with which money is spent.
const SPENDING: [&str; 1] = ["invoices.pay"];
/// How many names a warning lists.
const NAMED: usize = 5;

impl Comparison<'_> {
    /// Users whose invitation is withdrawn and who keep the link of their organization closed.
    pub(super) async fn stranded(
        &self,
        users: &[ChangedUser],
    ) -> Result<Vec<Stranded>, StoreError> {
        let secure = self.after.preferences().secure_with_password_if_portal_users_exist;
        let mut stranded = Vec::new();
        for user in users.iter().filter(|_| secure) {
            let (Some(before), Some(after)) = (&user.before, &user.after) else { continue };
            let withdrawn = before.doc.status() == UserStatus::Invited
                && after.doc.status() == UserStatus::NoPassword;
            let organization = &after.doc.organization;
            let members = Key::new("organization", organization.as_str());
            if withdrawn && self.dry.records::<User>(Some(&members), None, 2).await?.len() == 1 {
                let (login, organization) = (after.doc.login.clone(), organization.clone());
                stranded.push(Stranded { login, organization });
            }
        }
        Ok(stranded)
    }
}

impl Consequences {
    /// The warnings, those about links with the sessions that end.
    #[must_use]
    pub fn warnings(&self, ended: &EndedSessions) -> Vec<Warning> {
        let mut warnings = Vec::new();
        warnings.extend(self.about_parking());
        warnings.extend(self.about_closed_links(ended));
        warnings.extend(self.about_opened_links());
        warnings.extend(self.about_replaced_links(ended));
        warnings.extend(self.about_mailed_links(Occasion::Invitation));
        warnings.extend(self.about_mailed_links(Occasion::Reset));
        warnings.extend(self.about_invitations());
        warnings.extend(self.about_tokens());
        warnings.extend(self.about_stranded_users());
        warnings.extend(self.about_default_group());
        warnings.extend(self.about_portal(ended));
        warnings.extend(self.about_payment());
        warnings.extend(self.about_open_routes());
        warnings.extend(self.about_changed_routes());
        warnings
    }

    /// Parking closes the portal for everyone in an organization, and its sessions do not come back.
    fn about_parking(&self) -> Option<Warning> {
        let further = self.parked.len().saturating_sub(NAMED);
        let more = if further > 0 { format!(" and {further} more") } else { String::new() };
        let mut parked: Vec<_> = self.parked.iter().map(OrganizationId::as_str).collect();
        parked.sort_unstable();
        let [verb, it] = match &*parked {
            [] => return None,
            [_] => ["is", "it is"],
            _ => ["are", "they are"],
        };
        parked.truncate(NAMED);
        let which = quoted(parked.iter().copied());
        let detail = format!(
            "{which}{more} {verb} closed for everyone, staff included: sign-in, the secure link, \
             mailed links and tokens are refused until {it} unparked; sessions that end now \
             stay ended"
        );
        Some(Warning::new(Name::OrganizationParked, detail).about(parked).and_more(further))
    }

    /// The first portal user or invitation closes the link for everybody (R12, R14).
    fn about_closed_links(&self, ended: &EndedSessions) -> Option<Warning> {
        let (which, links) = self.named(LinkChange::closes)?;
        let sessions = sessions_of(&links, ended);
        let cause = match links.first().map(|link| link.cause) {
            Some(LinkCause::PortalUsers) => Some(ClosedBecause::PortalUsers),
            Some(LinkCause::Parked) => Some(ClosedBecause::Parked),
            Some(LinkCause::Preference) => Some(ClosedBecause::Preference),
            Some(LinkCause::Switched | LinkCause::Replaced) | None => None,
        };
        let because = match cause {
            Some(ClosedBecause::PortalUsers) => {
                ": with a first portal user, even one who is only invited, everyone must sign in. \
                 Invite the others too"
            }
            Some(ClosedBecause::Parked) => ": the portal is closed",
            Some(ClosedBecause::Preference) => ": their organizations have portal users",
            None => "",
        };
        let detail = format!("{which} no longer opens sessions, and {}{because}", open(sessions));
        let warning = of_links(Name::LinkCloses, detail, &links).count(sessions);
        Some(Warning { cause, ..warning })
    }

    /// Without its last portal user an organization's link opens sessions again (R11).
    fn about_opened_links(&self) -> Option<Warning> {
        let is_reopened = |link: &LinkChange| {
            !link.opens_before && link.opens_after && link.cause != LinkCause::Switched
        };
        let (which, links) = self.named(is_reopened)?;
        let detail =
            format!("{which} opens sessions again, without a password, for everyone who has it");
        Some(of_links(Name::LinkOpens, detail, &links))
    }

    fn about_replaced_links(&self, ended: &EndedSessions) -> Option<Warning> {
        let (which, links) = self.named(|link| link.cause == LinkCause::Replaced)?;
        let sessions = sessions_of(&links, ended);
        let detail =
            format!("{which} stops working, and {}; send people the new one", open(sessions));
        Some(of_links(Name::LinkReplaced, detail, &links).count(sessions))
    }

    /// Another address, login or password ends links that were mailed (R33, R40).
    fn about_mailed_links(&self, occasion: Occasion) -> Option<Warning> {
        let links = self.ended_links.iter().filter(|link| link.occasion == occasion);
        let logins: Vec<_> = links.map(|link| link.login.as_str()).collect();
        let further = logins.len().saturating_sub(NAMED);
        let more = if further > 0 { format!(" and {further} more") } else { String::new() };
        let verb = if logins.len() == 1 { "stops" } else { "stop" };
        let of = match &*logins {
            [] => return None,
            [login] => format!("of `{login}`"),
            _ => format!("of {}{more}", quoted(logins.iter().take(NAMED).copied())),
        };
        let plural = if logins.len() == 1 { "" } else { "s" };
        let (name, detail) = match occasion {
            Occasion::Invitation => (
                Name::InvitationEnds,
                format!(
                    "the mailed invitation{plural} {of} {verb} working; invite again those who \
                     still need one"
                ),
            ),
            Occasion::Reset => (
                Name::ResetEnds,
                format!(
                    "the mailed link{plural} {of} to replace a forgotten password {verb} working"
                ),
            ),
        };
        let named = logins.into_iter().take(NAMED);
        Some(Warning::new(name, detail).about(named).and_more(further))
    }

    /// Invitations to the address of an organization or end user, although the login is another one
    /// (R41). One warning, however many there are.
    fn about_invitations(&self) -> Option<Warning> {
        let warning = |detail| Warning::new(Name::InvitationSentElsewhere, detail);
        if let [SentElsewhere { login, to }] = &*self.sent_elsewhere {
            let detail = format!(
                "the invitation goes to `{to}`, not to `{login}`; to send it elsewhere, invite the \
                 user with an address (`send_to`), or assign the user to an end user (`end_user`)"
            );
            return Some(warning(detail).about([login.as_str(), to.as_str()]));
        }
        let count = self.sent_elsewhere.len();
        let addresses: BTreeSet<_> = self.sent_elsewhere.iter().map(|it| it.to.as_str()).collect();
        let further = addresses.len().saturating_sub(NAMED);
        let more = if further > 0 { format!(" and {further} more") } else { String::new() };
        let named: Vec<_> = addresses.into_iter().take(NAMED).collect();
        if named.is_empty() {
            return None;
        }
        let to = quoted(named.iter().copied());
        let detail = format!(
            "{count} invitations go to {to}{more}, not to the logins, which are email addresses; to \
             send them there, invite these users with an address (`send_to`), or assign them to end \
             users (`end_user`)"
        );
        Some(warning(detail).about(named).and_more(further).count(count))
    }

    /// A new password ends the tokens of its user (R34).
    fn about_tokens(&self) -> Option<Warning> {
        let tokens = match self.revoked_tokens {
            0 => return None,
            1 => "1 token of a portal user is".to_owned(),
            many => format!("{many} tokens of portal users are"),
        };
        let detail = format!("{tokens} revoked: programs that use them are refused");
        Some(Warning::new(Name::TokensRevoked, detail).count(self.revoked_tokens))
    }

    fn about_stranded_users(&self) -> Option<Warning> {
        let Stranded { login, organization } = self.without_access.first()?;
        let detail = format!(
            "`{login}`, the only portal user of `{organization}`, has neither a password nor \
             an invitation then, and keeps the secure link closed; delete the user to open it"
        );
        let warning = Warning::new(Name::LinkStaysClosed, detail);
        Some(warning.about([login.as_str(), organization.as_str()]))
    }

    /// Another default group changes what is given when no group is named (R6).
    fn about_default_group(&self) -> Vec<Warning> {
        let [before, after] = [&self.before, &self.after].map(|it| &it.preferences().default_group);
        if before == after {
            return Vec::new();
        }
        let name = |snapshot: &Snapshot, id: &GroupId| {
            snapshot.group(id.as_str()).map_or_else(|| id.to_string(), |it| it.name().to_owned())
        };
        let names = [name(&self.after, after), name(&self.before, before)];
        let [new, old] = &names;
        let detail = format!(
            "portal users who are created, imported or enabled in bulk without a group get \
             `{new}` from now on, not `{old}`; existing ones keep their group"
        );
        let mut warnings = vec![Warning::new(Name::DefaultGroupChanges, detail).about(names)];
        if *after == built_in::NO_ACCESS {
            let detail =
                "new portal users cannot use the portal until they are moved to another group";
            warnings.push(Warning::new(Name::DefaultGroupWithoutAccess, detail));
        }
        warnings
    }

    /// Disabling the portal keeps sessions (R60).
    fn about_portal(&self, ended: &EndedSessions) -> Option<Warning> {
        if !self.switches_portal() {
            return None;
        }
        let sessions = counted(ended.kept, "open session");
        let [stay, go_on] = match ended.kept {
            1 => ["stays", "continues"],
            _ => ["stay", "continue"],
        };
        let warning = match &self.after.preferences().disabled_redirect_url {
            Some(url) => {
                let kept = match ended.kept {
                    0 => String::new(),
                    _ => format!(
                        "; {sessions} {stay} valid, so people are still signed in when the portal is \
                         enabled again. To sign them out, end all sessions as well"
                    ),
                };
                let detail = format!("every request to the portal is redirected to {url}{kept}");
                Warning::new(Name::PortalDisabled, detail).about([url.as_str()])
            }
            None => {
                let kept = match ended.kept {
                    0 => String::new(),
                    _ => format!(", and {sessions} {go_on} without a new sign-in"),
                };
                let detail = format!("the portal is open again{kept}");
                Warning::new(Name::PortalEnabled, detail)
            }
        };
        Some(warning.count(ended.kept))
    }

    fn about_payment(&self) -> Option<Warning> {
        let gained: BTreeSet<_> = self.gained_by_links().collect();
        let spending: Vec<_> = SPENDING.into_iter().filter(|id| gained.contains(id)).collect();
        if spending.is_empty() {
            return None;
        }
        let all = quoted(spending.iter().copied());
        let detail = format!("everyone who has a secure link can use {all}, without a sign-in");
        Some(Warning::new(Name::PaymentWithoutSignIn, detail).about(spending))
    }

    /// What the Non-Portal User Group gets needs no sign-in (R3).
    fn about_open_routes(&self) -> Option<Warning> {
        let [before, after] =
            [&self.before, &self.after].map(|it| it.granted(built_in::NON_PORTAL));
        self.gained_by_links().next()?;
        let opened = |route: &&std::sync::Arc<Route>| {
            reached_with(route, after) && !reached_with(route, before)
        };
        let routes = self.after.policy().routes().iter().filter(opened);
        let subject = |route: &std::sync::Arc<Route>| {
            let methods: Vec<_> = route.methods().iter().map(http::Method::as_str).collect();
            let requests = format!("{} {}", methods.join(", "), route.path().as_str());
            Subject { requests: Some(requests), ..Subject::from(route.name()) }
        };
        let routes: Vec<Subject> = routes.map(subject).collect();
        if routes.is_empty() {
            return None;
        }
        let in_words = routes.iter().map(|Subject { name, requests, .. }| {
            format!("`{name}` ({})", requests.as_deref().unwrap_or_default())
        });
        let in_words = in_words.collect::<Vec<_>>().join("; ");
        let detail = format!("these routes open without a sign-in: {in_words}");
        Some(Warning::new(Name::OpensWithoutSignIn, detail).about(routes))
    }

    fn about_changed_routes(&self) -> Vec<Warning> {
        let routes = &self.routes;
        let list = |routes: &BTreeMap<String, u64>| {
            let list = routes.iter().map(|(name, people)| {
                format!(
                    "`{name}` ({})",
                    counted(usize::try_from(*people).unwrap_or(usize::MAX), "person")
                )
            });
            list.collect::<Vec<_>>().join("; ")
        };
        let subjects = |routes: &BTreeMap<String, u64>| -> Vec<Subject> {
            let subject = |(name, people): (&String, &u64)| Subject {
                people: Some(*people),
                ..Subject::from(name.as_str())
            };
            routes.iter().map(subject).collect()
        };
        let mut warnings = Vec::new();
        if !routes.opened.is_empty() {
            let detail = format!("these routes open for more people: {}", list(&routes.opened));
            warnings.push(Warning::new(Name::RoutesOpen, detail).about(subjects(&routes.opened)));
        }
        if !routes.closed.is_empty() {
            let detail = format!("these routes close for people: {}", list(&routes.closed));
            warnings.push(Warning::new(Name::RoutesClose, detail).about(subjects(&routes.closed)));
        }
        if !routes.public.is_empty() {
            let names = quoted(routes.public.iter().map(String::as_str));
            let detail = format!("these routes open for everyone, without a session: {names}");
            let public = routes.public.iter().map(String::as_str);
            warnings.push(Warning::new(Name::RoutesBecomePublic, detail).about(public));
        }
        warnings
    }

    fn gained_by_links(&self) -> impl Iterator<Item = &str> {
        let ids = |snapshot: &'_ Snapshot| -> BTreeSet<String> {
            let granted = snapshot.granted(built_in::NON_PORTAL);
            snapshot.policy().catalogue().ids(granted).map(str::to_owned).collect()
        };
        let before = ids(&self.before);
        let granted = self.after.granted(built_in::NON_PORTAL);
        self.after.policy().catalogue().ids(granted).filter(move |id| !before.contains(*id))
    }

    /// The links that a condition accepts, and the subject of a sentence about them.
    fn named(&self, is_meant: impl Fn(&LinkChange) -> bool) -> Option<(String, Vec<&LinkChange>)> {
        let links: Vec<_> = self.links.iter().filter(|link| is_meant(link)).collect();
        let names: Vec<_> = links.iter().take(NAMED).map(|it| it.organization.as_str()).collect();
        let further = links.len().saturating_sub(NAMED);
        let subject = match (&*names, further) {
            ([], _) => return None,
            ([one], 0) => format!("the secure link of `{one}`"),
            (_, 0) => format!("the secure link of each of {}", quoted(names)),
            _ => format!("the secure link of each of {} and {further} more", quoted(names)),
        };
        Some((subject, links))
    }
}

fn reached_with(route: &Route, granted: PermissionSet) -> bool {
    match route.access() {
        portcullis_policy::Access::Require(requirement) => requirement.is_met_by(granted),
        _ => false,
    }
}

/// A warning about these links.
fn of_links(name: Name, detail: String, links: &[&LinkChange]) -> Warning {
    let names = links.iter().take(NAMED).map(|it| it.organization.as_str());
    Warning::new(name, detail).about(names).and_more(links.len().saturating_sub(NAMED))
}

/// How many open sessions of these links end.
fn sessions_of(links: &[&LinkChange], ended: &EndedSessions) -> usize {
    let of = |link: &&LinkChange| ended.links.get(&link.organization).copied().unwrap_or_default();
    links.iter().map(of).sum()
}

fn open(sessions: usize) -> String {
    match sessions {
        0 => "no session of it is open".to_owned(),
        1 => "1 open session of it ends".to_owned(),
        count => format!("{count} open sessions of it end"),
    }
}

fn counted(number: usize, thing: &str) -> String {
    match (number, thing) {
        (1, thing) => format!("1 {thing}"),
        (number, "person") => format!("{number} people"),
        (number, thing) => format!("{number} {thing}s"),
    }
}

fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
