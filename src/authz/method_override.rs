//! Requests that name another method than their own.
//!
//! They are refused, because they would be decided by one method and treated by another, unless the
//! route says where its portal reads the other one (`method_override`). Then both are decided. What
//! one route says holds for the others too: the portal may read the method there on every route.

use http::{HeaderMap, Method};

use super::refused_query::{self, RefusedQuery};
use super::reserved_headers::ReservedHeaders;
use portcullis_policy::{AmbiguousOverride, MethodOverride};

/// The methods that a request names besides its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct NamedMethods {
    pub(super) in_header: Option<Method>,
    pub(super) in_query: Option<Method>,
}

impl NamedMethods {
    /// Reads them from the places that the route allows.
    ///
    /// # Errors
    /// When the request names a method in another place, or in another spelling.
    pub(super) fn read(
        rule: Option<&MethodOverride>,
        (own, query): (&Method, Option<&str>),
        headers: Option<&HeaderMap>,
        (refused, reserved, of_routes): (&RefusedQuery, &ReservedHeaders, &[MethodOverride]),
    ) -> Result<Self, AmbiguousOverride> {
        let parameter = rule.and_then(MethodOverride::parameter);
        let in_query = |query| {
            let mut of_routes = of_routes.iter().filter_map(MethodOverride::parameter);
            refused.is_in(query, parameter)
                || of_routes.any(|name| refused_query::names(query, name, parameter))
        };
        if query.is_some_and(in_query) {
            return Err(AmbiguousOverride);
        }
        let in_query = rule.map_or(Ok(None), |rule| rule.in_query(query))?;
        let header = rule.and_then(MethodOverride::header);
        let in_headers = |headers| {
            let mut of_routes = of_routes.iter().filter_map(MethodOverride::header);
            reserved.override_method(headers, own, header)
                || of_routes.any(|name| ReservedHeaders::names_method(headers, name, own, header))
        };
        let in_header = match headers {
            None => None,
            Some(headers) if in_headers(headers) => {
                return Err(AmbiguousOverride);
            }
            Some(headers) => {
                let mut values = header.into_iter().flat_map(|name| headers.get_all(name));
                match (values.next(), values.next()) {
                    (None, _) => None,
                    (Some(value), None) => {
                        let name = value.to_str().map_err(|_| AmbiguousOverride)?;
                        Some(MethodOverride::method(name.trim())?)
                    }
                    (Some(_), Some(_)) => return Err(AmbiguousOverride),
                }
            }
        };
        Ok(Self { in_header, in_query })
    }

    /// The method by which the portal treats the request, if it is not its own.
    ///
    /// # Errors
    /// When there is more than one.
    pub(super) fn other(self, own: &Method) -> Result<Option<Method>, AmbiguousOverride> {
        let method = match (self.in_header, self.in_query) {
            (Some(one), Some(other)) if one != other => return Err(AmbiguousOverride),
            (one, other) => one.or(other),
        };
        Ok(method.filter(|method| method != own))
    }
}
