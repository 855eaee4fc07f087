//! The actor of a commit as it is at that moment.
//!
//! A request may take long after its caller was authenticated: while its body arrives, or while a
//! password is hashed. So the records that an actor's rights come from are read again for each
//! commit, and the commit requires them to be still there. A token that was revoked, and an account
//! that was deleted or may do less, change nothing from that moment on. A job goes on when the
//! administrator who queued it signs out, but not without the account and its rights.

use std::borrow::Cow;
use std::sync::Arc;

use super::administrator::{AdminSession, Administrator};
use super::change::{Actor, Change};
use super::document::{ApiToken, Document as _};
use super::read::Reader;
use super::stored::present;
use portcullis_store::{CommitError, Expect, Store, Write};

/// The change by its actor with the rights of now, and the conditions on the records that they come
/// from.
///
/// # Errors
/// [`CommitError::ActorEnded`] when what the actor was authenticated with is no longer valid, or when
/// the store is unavailable.
pub(super) async fn current<'a>(
    store: &Arc<dyn Store>,
    change: &'a Change,
    writes: &[Write],
) -> Result<(Cow<'a, Change>, Vec<Write>), CommitError> {
    let reader = Reader::new(Arc::clone(store));
    let (actor, conditions) = match &change.actor {
        Actor::SocketOwner | Actor::PortalUser { .. } | Actor::Staff(_) | Actor::System(_) => {
            return Ok((Cow::Borrowed(change), Vec::new()));
        }
        Actor::Token { id, .. } => {
            let ended = CommitError::ActorEnded { kind: ApiToken::KIND };
            let token = reader.get::<ApiToken>(id).await?.ok_or(ended)?;
            if token.doc.expires.is_some_and(|end| end <= change.at) {
                return Err(CommitError::ActorEnded { kind: ApiToken::KIND });
            }
            let (name, rights) = (token.doc.name.clone(), token.doc.rights());
            (Actor::Token { id: id.clone(), name, rights }, vec![token.require()])
        }
        Actor::Administrator { id, session: None, .. } => {
            // Only a sign-in has no session yet. It writes the account that signs in.
            let is_sign_in = writes.iter().any(|write| {
                matches!(write, Write::Put { kind, id: put, expect: Expect::Version(_), .. }
                    if *kind == Administrator::KIND && id == put.as_str())
            });
            return match is_sign_in {
                true => Ok((Cow::Borrowed(change), Vec::new())),
                false => Err(CommitError::ActorEnded { kind: AdminSession::KIND }),
            };
        }
        Actor::Administrator { id, session: Some(session), .. } if change.job.is_some() => {
            let ended = CommitError::ActorEnded { kind: Administrator::KIND };
            let of = reader.get::<Administrator>(id).await?.ok_or(ended)?;
            let (login, rights) = (of.doc.login.clone(), of.doc.rights());
            let (id, session) = (id.clone(), Some(session.clone()));
            (Actor::Administrator { id, login, rights, session }, vec![of.require()])
        }
        Actor::Administrator { id, session: Some(session), .. } => {
            let ended = || CommitError::ActorEnded { kind: AdminSession::KIND };
            let of = reader.get::<Administrator>(id).await?.ok_or_else(ended)?;
            let open = reader.get::<AdminSession>(session).await?.ok_or_else(ended)?;
            if open.doc.administrator != *id || open.doc.generation != of.doc.generation {
                return Err(ended());
            }
            // Other requests save the time of their use in the session, so its version may change.
            let conditions = vec![of.require(), present::<AdminSession>(session)];
            let (login, rights) = (of.doc.login.clone(), of.doc.rights());
            let (id, session) = (id.clone(), Some(session.clone()));
            (Actor::Administrator { id, login, rights, session }, conditions)
        }
    };
    Ok((Cow::Owned(Change { actor, ..change.clone() }), conditions))
}

#[cfg(test)]
mod tests;
