//! Portals that were not written for these tests.

mod dokuwiki;
mod frameworks;
