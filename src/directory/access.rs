//! How people get access: sign-in, second factors, links, and the lockout.
//!
//! | module | holds |
//! |---|---|
//! | [`sign_in`] | sign-in with login and password (R8, I6) |
//! | [`pending_sign_in`] | a sign-in between the password and the second factor |
//! | [`attempt_source`] | the address and browser of an attempt |
//! | [`confirmed`], [`reauthentication`] | asking for the password again |
//! | [`own_password`] | changing one's own password while signed in (R34) |
//! | [`second_factors`] | set-up, codes and recovery codes (R50, R51) |
//! | [`lockouts`] | listing and releasing lockouts (I6) |
//! | [`secure_links`] | secure links of organizations (R10–R14, R19) |
//! | [`password_links`] | choosing a password with a mailed link (R33, R40) |
//! | [`invitations`], [`resets`] | mailing these links (R33, R40–R42) |
//! | `scope` | the organizations that an account or a token is limited to |
//! | [`views`] | how the operator's staff opens the portal (R17, R18) |
//! | [`trials`] | trials of the portal, and what was seen in them |
//! | [`api_tokens`], [`user_tokens`] | tokens of the admin API, and of portal users |

pub mod administrators;
pub mod api_tokens;
pub mod attempt_source;
pub mod confirmed;
pub mod invitations;
pub mod lockouts;
pub mod own_password;
pub mod password_links;
pub mod pending_sign_in;
pub mod reauthentication;
pub mod resets;
mod scope;
pub mod second_factors;
pub mod secure_links;
pub mod sign_in;
pub mod trials;
pub mod user_tokens;
pub mod views;
