//! The pages of the second factor (R50, R51), between the password and the session.

/// Where the code is asked for.
pub(super) const CODE: &str = "/.portcullis/mfa";
/// Where the second factor is set up.
pub(super) const SET_UP: &str = "/.portcullis/mfa/setup";
