//! The pages as a browser meets them.

mod headers;
mod language;
mod links;
mod mfa;
mod passwords;
mod refusals;
mod sign_in;
