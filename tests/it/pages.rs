//! The pages for portal users, as HTML.

mod access_tokens;
mod account;
mod branding;
