//! Mails for tests.

use jiff::{SignedDuration, Timestamp};

use crate::credential::token::PlainToken;
use crate::directory::records::{Mail, MailState, Occasion, OneTimeLink, User, put};
use crate::directory::{Actor, Change, Directory, MailId, UserId};
use portcullis_store::Expect;

/// The address of users whose login is not one.
const ADDRESS: &str = "ann@acme.example";

/// Records that a mail was sent.
pub(crate) async fn mark_sent(directory: &Directory, id: &MailId, now: Timestamp) {
    super::MailQueue::new(directory.clone()).sent(id, now).await.unwrap();
}

/// Writes a mail to a user, and the link that it is for.
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
    let stored = directory.records().read().existing::<User>(user, None).await.unwrap();
    let mut doc = stored.doc.clone();
    let hash = token.hash().to_string();
    let to = if doc.login.contains('@') { doc.login.clone() } else { ADDRESS.to_owned() };
    let link = OneTimeLink {
        token: hash,
        created: now,
        expires,
        to: Some(to.clone()),
        to_chosen: false,
        earlier: Vec::new(),
    };
    match occasion {
        Occasion::Invitation => doc.invitation = Some(link),
        Occasion::Reset => doc.reset = Some(link),
    }
    let mail = Mail {
        occasion: occasion.into(),
        notice: None,
        user: user.clone(),
        login: doc.login.clone(),
        organization_name: "Acme Ltd".to_owned(),
        to,
        blind_copy: Some("admin@example.com".to_owned()),
        language: None,
        token: Some(directory.auth().one_time_tokens.seal(&token, &id)),
        expires,
        created: now,
        state: MailState::Waiting { next: now },
        attempts: 0,
        last_error: None,
    };
    let (write, _) = stored.replace(doc);
    let writes = vec![write, put(&id, Expect::Absent, &mail)];
    let change = Change::new(Actor::SocketOwner, now);
    directory.records().commit(&change, writes).await.unwrap();
    token
}
