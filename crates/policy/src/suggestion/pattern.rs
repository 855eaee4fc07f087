//! The path of a suggested route.

/// The path of a suggested route.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) path: String,
    pub(super) slash_is_data: bool,
}

/// A pattern up to a node.
#[derive(Debug, Clone, Default)]
pub(super) struct Prefix {
    pub(super) path: String,
    pub(super) variables: Vec<&'static str>,
    pub(super) slash: bool,
}

impl Prefix {
    /// The pattern with one more variable, under a name that is not used yet.
    pub(super) fn with_variable(&self, name: &'static str, of_type: &str, slash: bool) -> Self {
        let Self { path, variables, .. } = self;
        let number = 1 + variables.iter().filter(|used| **used == name).count();
        let number = if number == 1 { String::new() } else { number.to_string() };
        let path = format!("{path}/{{{name}{number}{of_type}}}");
        let variables = variables.iter().copied().chain([name]).collect();
        Self { path, variables, slash: self.slash || slash }
    }
}
