//! Tokens of portal users, for programs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::document::Document;
use super::id::{UserId, UserTokenId};
use super::kind;
use crate::credential::folding::fold;
use portcullis_store::{Key, Kind};

/// The unique key of a place: at most as many tokens as there are places for a user.
pub const PLACE: &str = "place";

/// A token of a portal user; the id of its record is the token's hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserToken {
    /// The id of the user, which never changes.
    pub user: UserId,
    /// What the token is for; unique among the user's tokens when folded.
    pub name: String,
    /// Which of the user's places it takes.
    pub place: usize,
    /// Whether the user created it, and not an operator.
    pub by_user: bool,
    /// The password's generation when it was created; under another one it is invalid (R34).
    pub password_generation: u64,
    /// When it was created.
    pub created: Timestamp,
    /// When it expires; `None` for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// The last use that was saved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Timestamp>,
}

impl UserToken {
    /// The index key of the tokens of a user.
    #[must_use]
    pub fn of_user(user: &UserId) -> Key {
        Key::new("user", user.as_str())
    }
}

impl Document for UserToken {
    type Id = UserTokenId;

    const KIND: Kind = kind::USER_TOKEN;

    fn unique(&self) -> Vec<Key> {
        let Self { user, name, place, .. } = self;
        vec![
            Key::new("name", format!("{user}/{}", fold(name))),
            Key::new(PLACE, format!("{user}/{place}")),
        ]
    }

    fn index(&self) -> Vec<Key> {
        vec![Self::of_user(&self.user)]
    }
}
