//! What rules do without saying so, and what may not have been meant.

use std::collections::BTreeSet;

use portcullis_policy::{PermissionSet, Route, built_in};
use portcullis_store::{Key, StoreError};

use super::changed_users::ChangedUser;
use super::comparison::Comparison;
use super::effects::{Consequences, EndedSessions, SilentConsequence, Stranded};
use super::links::{LinkCause, LinkChange};
use crate::directory::records::{GroupId, Occasion, OrganizationId, User, UserStatus};
use crate::directory::state::Snapshot;

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
    pub fn warnings(&self, ended: &EndedSessions) -> Vec<SilentConsequence> {
        let mut warnings = Vec::new();
        warnings.extend(self.about_parking());
        warnings.extend(self.about_closed_links(ended));
        warnings.extend(self.about_opened_links());
        warnings.extend(self.about_replaced_links(ended));
        warnings.extend(self.about_mailed_links(Occasion::Invitation));
        warnings.extend(self.about_mailed_links(Occasion::Reset));
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
    fn about_parking(&self) -> Option<SilentConsequence> {
        let further = self.parked.len().saturating_sub(NAMED);
        let more = if further > 0 { format!(" and {further} more") } else { String::new() };
        let mut parked: Vec<_> = self.parked.iter().map(OrganizationId::as_str).collect();
        parked.sort_unstable();
        let [verb, it] = match &*parked {
            [] => return None,
            [_] => ["is", "it is"],
            _ => ["are", "they are"],
        };
        let which = quoted(parked.into_iter().take(NAMED));
        warning(
            "organization-parked",
            format!(
                "{which}{more} {verb} closed for everyone, staff included: sign-in, the secure link, \
                 mailed links and tokens are refused until {it} unparked; sessions that end now \
                 stay ended"
            ),
        )
    }

    /// The first portal user or invitation closes the link for everybody (R12, R14).
    fn about_closed_links(&self, ended: &EndedSessions) -> Option<SilentConsequence> {
        let (which, links) = self.named(LinkChange::closes)?;
        let sessions = sessions_of(&links, ended);
        let because = match links.first().map(|link| link.cause) {
            Some(LinkCause::PortalUsers) => {
                ": with a first portal user, even one who is only invited, everyone must sign in. \
                 Invite the others too"
            }
            Some(LinkCause::Parked) => ": the portal is closed",
            Some(LinkCause::Preference) => ": their organizations have portal users",
            _ => "",
        };
        warning("link-closes", format!("{which} no longer opens sessions, and {sessions}{because}"))
    }

    /// Without its last portal user an organization's link opens sessions again (R11).
    fn about_opened_links(&self) -> Option<SilentConsequence> {
        let is_reopened = |link: &LinkChange| {
            !link.opens_before && link.opens_after && link.cause != LinkCause::Switched
        };
        let (which, _) = self.named(is_reopened)?;
        warning(
            "link-opens",
            format!("{which} opens sessions again, without a password, for everyone who has it"),
        )
    }

    fn about_replaced_links(&self, ended: &EndedSessions) -> Option<SilentConsequence> {
        let (which, links) = self.named(|link| link.cause == LinkCause::Replaced)?;
        let sessions = sessions_of(&links, ended);
        warning(
            "link-replaced",
            format!("{which} stops working, and {sessions}; send people the new one"),
        )
    }

    /// Another address, login or password ends links that were mailed (R33, R40).
    fn about_mailed_links(&self, occasion: Occasion) -> Option<SilentConsequence> {
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
        match occasion {
            Occasion::Invitation => warning(
                "invitation-ends",
                format!(
                    "the mailed invitation{plural} {of} {verb} working; invite again those who \
                     still need one"
                ),
            ),
            Occasion::Reset => warning(
                "reset-ends",
                format!(
                    "the mailed link{plural} {of} to replace a forgotten password {verb} working"
                ),
            ),
        }
    }

    /// A new password ends the tokens of its user (R34).
    fn about_tokens(&self) -> Option<SilentConsequence> {
        let tokens = match self.revoked_tokens {
            0 => return None,
            1 => "1 token of a portal user is".to_owned(),
            many => format!("{many} tokens of portal users are"),
        };
        warning("tokens-revoked", format!("{tokens} revoked: programs that use them are refused"))
    }

    fn about_stranded_users(&self) -> Option<SilentConsequence> {
        let Stranded { login, organization } = self.without_access.first()?;
        warning(
            "link-stays-closed",
            format!(
                "`{login}`, the only portal user of `{organization}`, has neither a password nor \
                 an invitation then, and keeps the secure link closed; delete the user to open it"
            ),
        )
    }

    /// Another default group changes what is given when no group is named (R6).
    fn about_default_group(&self) -> Vec<SilentConsequence> {
        let [before, after] = [&self.before, &self.after].map(|it| &it.preferences().default_group);
        if before == after {
            return Vec::new();
        }
        let name = |snapshot: &Snapshot, id: &GroupId| {
            snapshot.group(id.as_str()).map_or_else(|| id.to_string(), |it| it.name().to_owned())
        };
        let changes = warning(
            "default-group-changes",
            format!(
                "portal users who are created, imported or enabled in bulk without a group get \
                 `{}` from now on, not `{}`; existing ones keep their group",
                name(&self.after, after),
                name(&self.before, before)
            ),
        );
        let without_access = (*after == built_in::NO_ACCESS).then(|| {
            warning(
                "default-group-without-access",
                "new portal users cannot use the portal until they are moved to another group"
                    .to_owned(),
            )
        });
        changes.into_iter().chain(without_access.flatten()).collect()
    }

    /// Disabling the portal keeps sessions (R60).
    fn about_portal(&self, ended: &EndedSessions) -> Option<SilentConsequence> {
        if !self.switches_portal() {
            return None;
        }
        let sessions = counted(ended.kept, "open session");
        let [stay, go_on] = match ended.kept {
            1 => ["stays", "continues"],
            _ => ["stay", "continue"],
        };
        match &self.after.preferences().disabled_redirect_url {
            Some(url) => warning(
                "portal-disabled",
                format!(
                    "every request to the portal is redirected to {url}; {sessions} {stay} valid, so \
                     people are still signed in when the portal is enabled again. To sign them \
                     out, end all sessions as well"
                ),
            ),
            None => warning(
                "portal-enabled",
                format!("the portal is open again, and {sessions} {go_on} without a new sign-in"),
            ),
        }
    }

    fn about_payment(&self) -> Option<SilentConsequence> {
        let gained: BTreeSet<_> = self.gained_by_links().collect();
        let spending: Vec<_> = SPENDING.into_iter().filter(|id| gained.contains(id)).collect();
        if spending.is_empty() {
            return None;
        }
        let all = quoted(spending);
        let detail = format!("everyone who has a secure link can use {all}, without a sign-in");
        warning("payment-without-sign-in", detail)
    }

    /// What the Non-Portal User Group gets needs no sign-in (R3).
    fn about_open_routes(&self) -> Option<SilentConsequence> {
        let [before, after] =
            [&self.before, &self.after].map(|it| it.granted(built_in::NON_PORTAL));
        self.gained_by_links().next()?;
        let opened = |route: &&std::sync::Arc<Route>| {
            reached_with(route, after) && !reached_with(route, before)
        };
        let routes = self.after.policy().routes().iter().filter(opened);
        let routes: Vec<String> = routes
            .map(|route| {
                let methods: Vec<_> = route.methods().iter().map(http::Method::as_str).collect();
                format!("`{}` ({} {})", route.name(), methods.join(", "), route.path().as_str())
            })
            .collect();
        if routes.is_empty() {
            return None;
        }
        let detail = format!("these routes open without a sign-in: {}", routes.join("; "));
        warning("opens-without-sign-in", detail)
    }

    fn about_changed_routes(&self) -> Vec<SilentConsequence> {
        let routes = &self.routes;
        let list = |routes: &std::collections::BTreeMap<String, u64>| {
            let list = routes.iter().map(|(name, people)| {
                format!(
                    "`{name}` ({})",
                    counted(usize::try_from(*people).unwrap_or(usize::MAX), "person")
                )
            });
            list.collect::<Vec<_>>().join("; ")
        };
        let mut warnings = Vec::new();
        if !routes.opened.is_empty() {
            let detail = format!("these routes open for more people: {}", list(&routes.opened));
            warnings.extend(warning("routes-open", detail));
        }
        if !routes.closed.is_empty() {
            let detail = format!("these routes close for people: {}", list(&routes.closed));
            warnings.extend(warning("routes-close", detail));
        }
        if !routes.public.is_empty() {
            let names = quoted(routes.public.iter().map(String::as_str));
            let detail = format!("these routes open for everyone, without a session: {names}");
            warnings.extend(warning("routes-become-public", detail));
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

fn sessions_of(links: &[&LinkChange], ended: &EndedSessions) -> String {
    let of = |link: &&LinkChange| ended.links.get(&link.organization).copied().unwrap_or_default();
    match links.iter().map(of).sum::<usize>() {
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

fn warning(name: &'static str, detail: String) -> Option<SilentConsequence> {
    Some(SilentConsequence { name, detail })
}
