//! Previews of the pages for portal users, for those who choose their look.
//!
//! The trait keeps the admin UI, which shows previews, from importing the pages.

use std::fmt;

use axum::body::Body;
use http::Response;

/// A page of which there is a preview, with sample data in place of a person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreviewPage {
    /// Login and password.
    SignIn,
    /// The code of the second factor.
    Code,
    /// A first password, after an invitation.
    ChoosePassword,
    /// The question before a secure link replaces a session.
    SecureLink,
    /// The notice for someone without access to the portal.
    NoAccess,
}

/// Whether a page is light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// As for browsers that prefer light pages.
    Light,
    /// As for browsers that prefer dark pages.
    Dark,
}

/// The pages for portal users, as they look with the settings in force.
pub trait Previews: fmt::Debug + Send + Sync {
    /// The tags of the languages there are.
    fn languages(&self) -> Vec<&str>;

    /// A page without its scripts. In another language if no page has this tag.
    fn page(&self, page: PreviewPage, scheme: Scheme, language: &str) -> Response<Body>;

    /// A file that these pages load, by its name.
    fn asset(&self, name: &str) -> Option<Response<Body>>;
}

impl PreviewPage {
    /// Every page.
    pub const ALL: [Self; 5] =
        [Self::SignIn, Self::Code, Self::ChoosePassword, Self::SecureLink, Self::NoAccess];

    /// Its name in addresses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::Code => "code",
            Self::ChoosePassword => "choose-password",
            Self::SecureLink => "secure-link",
            Self::NoAccess => "no-access",
        }
    }
}

impl Scheme {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Light, Self::Dark];

    /// Its name, as CSS has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}
