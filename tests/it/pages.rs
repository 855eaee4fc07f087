//! The pages for portal users, as HTML.

mod branding;
