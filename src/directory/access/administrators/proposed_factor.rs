//! Secrets for authenticator apps that are proposed to administrators and not stored yet: sealed for
//! the account, its generation, the time, and the session or the sign-in.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::Administrators;
use crate::credential::totp::TotpSecret;
use crate::directory::records::{AdminSessionId, Administrator, AdministratorId, Stored};
use portcullis_store::StoreError;

/// The issuer that authenticator apps show.
pub(super) const ISSUER: &str = "Portcullis administration";
/// How long a proposed secret can be confirmed.
const LIFETIME: SignedDuration = SignedDuration::from_mins(10);
/// How far the clock of the replica that proposed it may be ahead of ours.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(1);

/// A secret for an authenticator app, which is not stored yet.
#[derive(Clone, Serialize, schemars::JsonSchema)]
pub struct ProposedFactor {
    /// The secret in base32, for typing it into an app.
    pub secret: String,
    /// The `otpauth` URL, for a QR code.
    pub url: String,
    /// To be sent with a code of the app, within ten minutes.
    pub proposal: String,
}

impl std::fmt::Debug for ProposedFactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProposedFactor(…)")
    }
}

/// What a proposal is sealed for, besides the account and the time.
#[derive(Clone, Copy)]
pub(super) enum ProposedTo<'a> {
    SignIn,
    Session(&'a AdminSessionId),
}

/// A proposal that was opened.
pub(super) struct Opened {
    pub(super) secret: TotpSecret,
    pub(super) created: Timestamp,
}

impl Administrators {
    /// A new secret for an account; nothing is stored.
    pub(super) fn propose(
        &self,
        of: &Stored<Administrator>,
        to: ProposedTo<'_>,
        now: Timestamp,
    ) -> ProposedFactor {
        self.seal(&TotpSecret::generate(), of, to, now)
    }

    pub(super) fn seal(
        &self,
        secret: &TotpSecret,
        of: &Stored<Administrator>,
        to: ProposedTo<'_>,
        created: Timestamp,
    ) -> ProposedFactor {
        let context = context(of, to, created.as_second());
        let sealed = self.core.auth.second_factors.proposals.seal(secret.expose(), &context);
        ProposedFactor {
            secret: secret.text().expose().clone(),
            url: secret.url(ISSUER, &of.doc.login).expose().clone(),
            proposal: format!("{}.{}.{sealed}", of.id, created.as_second()),
        }
    }

    /// The account that a text names which looks like a proposal.
    pub(super) async fn proposed_to(
        &self,
        proposal: &str,
    ) -> Result<Option<Stored<Administrator>>, StoreError> {
        match parts(proposal) {
            Some((id, ..)) => self.core.read().get(&AdministratorId::from(id.to_owned())).await,
            None => Ok(None),
        }
    }

    /// The secret that was proposed to an account as it is; `None` for anything else.
    pub(super) fn opened(
        &self,
        proposal: &str,
        of: &Stored<Administrator>,
        to: ProposedTo<'_>,
        now: Timestamp,
    ) -> Option<Opened> {
        let (id, created, sealed) = parts(proposal)?;
        let at = Timestamp::from_second(created).ok()?;
        let age = now.duration_since(at);
        if id != of.id.as_str() || age < -CLOCK_SKEW || age >= LIFETIME {
            return None;
        }
        let context = context(of, to, created);
        let opened = self.core.auth.second_factors.proposals.open(sealed, &context)?;
        Some(Opened { secret: TotpSecret::from_bytes(opened.expose())?, created: at })
    }
}

/// The id of the account, the second in which it was made, and the sealed secret.
fn parts(proposal: &str) -> Option<(&str, i64, &str)> {
    let (id, rest) = proposal.split_once('.')?;
    let (created, sealed) = rest.split_once('.')?;
    Some((id, created.parse().ok()?, sealed))
}

/// What a secret is sealed for. Proposals to portal users begin in another way.
fn context(of: &Stored<Administrator>, to: ProposedTo<'_>, created: i64) -> String {
    let (id, generation) = (&of.id, of.doc.generation);
    match to {
        ProposedTo::SignIn => format!("administrator sign-in {id} {generation} {created}"),
        ProposedTo::Session(session) => {
            format!("administrator session {session} {id} {generation} {created}")
        }
    }
}
