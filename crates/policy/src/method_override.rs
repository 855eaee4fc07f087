//! Method overrides: a header or a query parameter that names the method by which the portal treats
//! a request, instead of the request's own. Such a request is decided as both methods.

use http::{HeaderName, Method};

use super::document::{Entry, File};
use super::query_rule::Condition;

/// The longest name of a method in an override.
const MAX_METHOD: usize = 20;

/// Where the requests of a route may name another method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodOverride {
    header: Option<HeaderName>,
    parameter: Option<Condition>,
}

/// A method override is given twice, in another spelling, or is not the name of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AmbiguousOverride;

impl MethodOverride {
    /// The header, if there is one.
    #[must_use]
    pub fn header(&self) -> Option<&HeaderName> {
        self.header.as_ref()
    }

    /// The query parameter, if there is one.
    #[must_use]
    pub fn parameter(&self) -> Option<&str> {
        self.parameter.as_ref().map(Condition::parameter)
    }

    /// The method that a query names.
    ///
    /// # Errors
    /// When a portal may read another one.
    pub fn in_query(&self, query: Option<&str>) -> Result<Option<Method>, AmbiguousOverride> {
        let (Some(parameter), Some(query)) = (&self.parameter, query) else { return Ok(None) };
        // Some portals separate parameters by semicolons too.
        match (parameter.value(query, '&'), parameter.value(query, ';')) {
            (Ok(""), Ok("")) => Ok(None),
            (Ok(value), _) if !query.contains(';') => Self::method(value).map(Some),
            (_, _) => Err(AmbiguousOverride),
        }
    }

    /// The method with a name, in any case.
    ///
    /// # Errors
    /// When it is not the name of a method.
    pub fn method(name: &str) -> Result<Method, AmbiguousOverride> {
        let is_name =
            name.len() <= MAX_METHOD && name.bytes().all(|byte| byte.is_ascii_alphabetic());
        let name = name.to_ascii_uppercase();
        match Method::from_bytes(name.as_bytes()) {
            Ok(method) if is_name => Ok(method),
            Ok(_) | Err(_) => Err(AmbiguousOverride),
        }
    }
}

/// Reads `method_override = { header = "..", query = ".." }`; `Some(None)` without the key. Problems
/// are added to the file.
pub(super) fn compile(file: &File<'_>, entry: &mut Entry<'_>) -> Option<Option<MethodOverride>> {
    if !entry.has("method_override") {
        return Some(None);
    }
    let mut table = entry.table("method_override")?;
    let line = table.line();
    let given = [table.has("header"), table.has("query")];
    let header = table.string("header").and_then(|name| {
        let header = name.value.parse::<HeaderName>().ok();
        if header.is_none() {
            let message = format!("`{}` is not the name of a header", name.value);
            file.problem(name.line, message);
        }
        header
    });
    let parameter = table.string("query").and_then(|name| {
        let parameter = Condition::given(&name.value);
        if parameter.is_none() {
            let message = format!("`{}` is not a valid parameter name", name.value);
            file.problem(name.line, message);
        }
        parameter
    });
    table.finish();
    if given == [false, false] {
        file.problem(line, "`method_override` needs `header`, `query`, or both");
        return None;
    }
    let is_complete = given == [header.is_some(), parameter.is_some()];
    is_complete.then_some(Some(MethodOverride { header, parameter }))
}
