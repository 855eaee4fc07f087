//! What a policy has to know about the portal that it is for.

use super::reading::Readings;

/// The portal, as the settings describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portal {
    /// How it may read a path differently from the routes.
    pub readings: Readings,
    /// The names that routes may use for its further servers, in the order of
    /// [`Upstream::position`]. `None` if the settings are invalid: names are not checked then, and
    /// no servers are found for them.
    pub upstreams: Option<Vec<String>>,
}

impl Default for Portal {
    /// A portal without further servers, and with all readings.
    fn default() -> Self {
        Readings::all().into()
    }
}

impl From<Readings> for Portal {
    /// A portal without further servers.
    fn from(readings: Readings) -> Self {
        Self { readings, upstreams: Some(Vec::new()) }
    }
}

/// Further servers of the portal, which a route names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    pub(super) name: String,
    pub(super) position: usize,
}

impl Upstream {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The position of the name in [`Portal::upstreams`], from 0. Out of range if the names were
    /// not known.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }
}
