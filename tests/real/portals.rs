//! Portals that were not written for these tests.

mod doctor;
mod dokuwiki;
mod frameworks;
mod git;
mod helpdesk;
mod identity;
mod node_red;
mod policies;
mod process;
mod program;
mod tomcat;
