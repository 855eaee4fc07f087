//! Organizations, end users, portal users, groups and preferences, and the rules about them.
//!
//! | module | holds |
//! |---|---|
//! | [`organizations`], [`end_users`] | customers and their contacts |
//! | [`users`] | portal users (R15, R16, R30, R31, R34, R42) |
//! | `user_input`, `user_view` | what is given to create or change one, and what is shown of it |
//! | [`user_list`] | lists of portal users |
//! | [`user_warnings`] | warnings about users that were created or invited |
//! | [`personal_data`] | export and deletion of what is stored about a portal user |
//! | [`groups`] | groups and the permissions they grant (R1–R6) |
//! | [`preferences`] | settings of the whole installation (R12, R60) |
//! | `seeds` | the groups and preferences of a new installation (R2) |
//! | `context` | the organization and end user behind a portal user |
//! | `portal_sessions` | the end of sessions, in the commit that ends them |
//! | `reference` | ids in a request that must exist |
//! | `mailed_link` | one-time links, and the mail that each is sent in |
//! | `password_reuse` | refusing a login or address that is the password (R31) |
//! | `change_notice` | mails about a changed password or second factor |
//! | `name` | validation of names, addresses and ids |

pub(in crate::directory) mod change_notice;
pub(in crate::directory) mod context;
pub mod end_users;
pub mod groups;
pub(in crate::directory) mod mailed_link;
pub(in crate::directory) mod name;
pub mod organizations;
mod password_reuse;
pub(crate) mod patch;
pub mod personal_data;
pub(in crate::directory) mod portal_sessions;
pub mod preferences;
mod reference;
pub(in crate::directory) mod seeds;
mod user_input;
pub mod user_list;
pub(in crate::directory) mod user_view;
pub mod user_warnings;
pub mod users;

pub(crate) use self::name::id_in_order;
