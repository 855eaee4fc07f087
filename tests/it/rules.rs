//! The portal's rules (R1 to R63), through the forms and links that portal users meet.

mod banner;
mod groups;
mod invitations;
mod lockouts;
mod parking;
mod people;
mod resets;
mod second_factor;
mod secure_links;
mod views;
mod views_limits;
