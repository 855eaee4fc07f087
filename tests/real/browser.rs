//! The pages for portal users, in Chromium.

mod account;
mod branding;
mod coming_back;
mod notices;
mod pages;
mod passwords;
mod second_factor;
