//! The pages for portal users, and the admin listener, in Chromium.

mod account;
mod admin;
mod admin_pages;
mod admin_ui;
mod admin_ui_activity;
mod admin_ui_errors;
mod admin_ui_gateway;
mod admin_ui_german;
mod admin_ui_injection;
mod admin_ui_ops;
mod admin_ui_people;
mod admin_ui_phone;
mod admin_ui_sign_in;
mod admin_ui_visitors;
mod banner;
mod branding;
mod coming_back;
mod first_deployment;
mod notices;
mod pages;
mod passwords;
mod second_factor;
