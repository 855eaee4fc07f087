//! How people get in, and what keeps others out.
//!
//! | module | holds |
//! |---|---|
//! | [`sign_in`] | login and password (R8, I6) |
//! | [`pending_sign_in`] | between the right password and the second factor |
//! | [`attempt_source`] | the address and browser that an attempt comes from |
//! | [`second_factors`] | set-up, codes and recovery codes (R50, R51) |
//! | [`lockouts`] | who may not try now, and letting them in again (I6) |
//! | [`secure_links`] | secure links of organizations (R10–R14, R19) |
//! | [`password_links`] | choosing a password with a mailed link (R33, R40) |
//! | [`invitations`], [`resets`] | what these links are mailed for (R33, R40–R42) |
//! | [`api_tokens`] | tokens of the admin API |

pub mod api_tokens;
pub mod attempt_source;
pub mod invitations;
pub mod lockouts;
pub mod password_links;
pub mod pending_sign_in;
pub mod resets;
pub mod second_factors;
pub mod secure_links;
pub mod sign_in;
