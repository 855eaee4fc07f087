//! The pages as a browser meets them.

mod headers;
mod links;
mod mfa;
mod refusals;
mod sign_in;
