//! Letters for tests.

use jiff::{SignedDuration, Timestamp};

use super::{Letter, LetterState, Occasion};
use crate::credential::token::PlainToken;
use crate::directory::Directory;
use crate::directory::id::{MailId, UserId};
use crate::directory::record::{OneTimeLink, User};
use crate::directory::records::{existing, put};
use portcullis_store::Expect;

/// Where letters go whose user's login is no address.
const ADDRESS: &str = "ann@acme.example";

/// Writes a letter to a user, with the link that it carries.
pub(crate) async fn write(
    directory: &Directory,
    (id, user): (&str, &UserId),
    occasion: Occasion,
    now: Timestamp,
) -> PlainToken {
    let id = MailId::from(id);
    let token = PlainToken::generate();
    let hours = match occasion {
        Occasion::Invitation => 72,
        Occasion::Reset => 1,
    };
    let expires = now + SignedDuration::from_hours(hours);
    let stored = existing::<User>(directory.store(), user, None).await.unwrap();
    let mut doc = stored.doc.clone();
    let hash = token.hash().to_string();
    let to = if doc.login.contains('@') { doc.login.clone() } else { ADDRESS.to_owned() };
    let link = OneTimeLink {
        token: hash,
        created: now,
        expires,
        to: Some(to.clone()),
        earlier: Vec::new(),
    };
    match occasion {
        Occasion::Invitation => doc.invitation = Some(link),
        Occasion::Reset => doc.reset = Some(link),
    }
    let letter = Letter {
        occasion,
        user: user.clone(),
        login: doc.login.clone(),
        organization_name: "Acme Ltd".to_owned(),
        to,
        blind_copy: Some("admin@example.com".to_owned()),
        language: None,
        token: Some(directory.judges.one_time.seal(&token, &id)),
        expires,
        created: now,
        state: LetterState::Waiting { next: now },
        attempts: 0,
        last_error: None,
    };
    let (write, _) = stored.replace(doc);
    directory.commit(vec![write, put(&id, Expect::Absent, &letter)]).await.unwrap();
    token
}
