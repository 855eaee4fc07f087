//! The pages for portal users, in Chromium.

mod account;
mod branding;
mod coming_back;
mod first_deployment;
mod notices;
mod pages;
mod passwords;
mod second_factor;
