//! Which organization a record belongs to. A limited scope shows and changes the records of its
//! organizations, and reads what is shared by all; every other kind of record is hidden from it,
//! also one that is not named here.

use std::sync::Arc;

use serde::Deserialize;

use super::kind;
use super::scope::Scope;
use portcullis_store::{Kind, Store, StoreError, Write};

/// The field and the index key of records that name their organization.
pub(super) const ORGANIZATION_KEY: &str = "organization";

/// How a kind of record belongs to an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Belonging {
    /// The record is an organization.
    Organization,
    /// It names its organization, and has it as an index key.
    Named,
    /// It names a portal user, to whose organization it belongs.
    OfUser,
    /// Its id is that of a portal user.
    PartOfUser,
    /// Its id is that of a session.
    PartOfSession,
    /// It belongs to none, and may be read in each scope.
    Shared,
    /// It belongs to the gateway as a whole, and is not shown in a limited scope.
    Hidden,
}

/// How the records of a kind belong to an organization.
pub(super) fn belonging(kind: Kind) -> Belonging {
    match kind {
        kind::ORGANIZATION => Belonging::Organization,
        kind::END_USER | kind::USER | kind::SESSION | kind::VIEW_LINK | kind::AUDIT => {
            Belonging::Named
        }
        kind::USER_TOKEN | kind::MAIL => Belonging::OfUser,
        kind::TOTP_STEP | kind::LAST_SIGN_IN => Belonging::PartOfUser,
        kind::ENDED_SESSION => Belonging::PartOfSession,
        kind::GROUP | kind::PREFERENCES => Belonging::Shared,
        _ => Belonging::Hidden,
    }
}

/// The names in a document.
#[derive(Deserialize)]
struct Names {
    #[serde(default)]
    organization: Option<String>,
    #[serde(default)]
    user: Option<String>,
}

/// Whether a limited scope shows a record.
///
/// # Errors
/// When the store is unavailable.
pub(super) async fn shows(
    store: &Arc<dyn Store>,
    scope: &Scope,
    (kind, id, doc): (Kind, &str, &[u8]),
) -> Result<bool, StoreError> {
    if belonging(kind) == Belonging::Shared {
        return Ok(true);
    }
    let organization = organization_of(store, &[], (kind, id, Some(doc))).await?;
    Ok(organization.is_some_and(|organization| scope.includes(&organization)))
}

/// The organization that a record belongs to, as it is in the store or will be after these writes.
///
/// # Errors
/// When the store is unavailable.
pub(super) async fn organization_of(
    store: &Arc<dyn Store>,
    writes: &[Write],
    (kind, id, doc): (Kind, &str, Option<&[u8]>),
) -> Result<Option<String>, StoreError> {
    let names = |doc: Option<&[u8]>| doc.and_then(|doc| serde_json::from_slice::<Names>(doc).ok());
    let owner = match belonging(kind) {
        Belonging::Organization => return Ok(Some(id.to_owned())),
        Belonging::Named => return Ok(names(doc).and_then(|names| names.organization)),
        Belonging::OfUser => names(doc).and_then(|names| names.user).map(|id| (kind::USER, id)),
        Belonging::PartOfUser => Some((kind::USER, id.to_owned())),
        Belonging::PartOfSession => Some((kind::SESSION, id.to_owned())),
        Belonging::Shared | Belonging::Hidden => None,
    };
    let Some((kind, id)) = owner else { return Ok(None) };
    let written = writes.iter().find_map(|write| match write {
        Write::Put { kind: of, id: named, doc, .. } if *of == kind && *named == id => Some(doc),
        _ => None,
    });
    let doc = match written {
        Some(doc) => Some(doc.clone()),
        None => store.get(kind, &id).await?.map(|record| record.doc),
    };
    Ok(names(doc.as_deref()).and_then(|names| names.organization))
}
