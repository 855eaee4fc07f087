//! What the table of routes says about a route for the description of the API, beyond what the types
//! of its handler show.

/// A method of a path, as clients know it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operation {
    /// `tag.name`, unique and stable: generated clients name their functions after it.
    pub(super) id: &'static str,
    /// What it does, as an instruction.
    pub(super) summary: &'static str,
    /// The types of problems that are particular to it.
    pub(super) refuses: &'static [&'static str],
}

/// An operation without problems of its own.
pub(super) const fn op(id: &'static str, summary: &'static str) -> Operation {
    Operation { id, summary, refuses: &[] }
}

impl Operation {
    /// The same with problems of these types.
    pub(super) const fn refuses(self, refuses: &'static [&'static str]) -> Self {
        Self { refuses, ..self }
    }

    /// The first part of the id: the subject that it belongs to.
    pub(super) fn tag(&self) -> &'static str {
        self.id.split_once('.').map_or(self.id, |(tag, _)| tag)
    }
}
