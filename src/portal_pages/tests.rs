//! The pages as a browser sees them.

mod account;
mod brand;
mod headers;
mod language;
mod links;
mod mfa;
mod passwords;
mod past_session;
mod recovery_codes;
mod refusals;
mod sessions;
mod sign_in;
mod texts;
