//! The pages for portal users, in Chromium.

mod account;
mod branding;
mod notices;
mod pages;
mod passwords;
mod second_factor;
