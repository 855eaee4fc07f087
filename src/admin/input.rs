//! What a handler reads from a request, known from the types of its arguments.
//!
//! The query parameters of a route are thus declared once, as the fields of a struct in its
//! handler's signature: the extractor reads them, and the guard rejects any other.

use axum::Extension;
use http::{HeaderMap, Method};
use serde::de::value::Error;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;

use super::caller::Caller;
use super::request::{Body, Id, NewRecord, OptionalBody, Params, RecordChange};
use super::scoped::{State, Unauthenticated};
use super::state::AdminState;
use crate::web::peer::Peer;

/// An argument of a handler.
pub(super) trait Input {
    /// Whether it reads the version that the record must have (`If-Match`).
    const READS_VERSION: bool = false;

    /// The query parameters that it reads.
    fn query() -> &'static [&'static str] {
        &[]
    }
}

impl Input for State<AdminState> {}
impl Input for Unauthenticated {}
impl Input for Extension<Caller> {}
impl Input for Extension<Peer> {}
impl Input for HeaderMap {}
impl Input for Method {}
impl Input for NewRecord {}
impl<T> Input for Id<T> {}
impl<T> Input for Body<T> {}
impl<T> Input for OptionalBody<T> {}

impl Input for RecordChange {
    const READS_VERSION: bool = true;
}

impl<T: DeserializeOwned> Input for Params<T> {
    fn query() -> &'static [&'static str] {
        field_names::<T>()
    }
}

/// All arguments of a handler. Implemented for the tuples by which axum tells handlers of different
/// signatures apart: a marker of axum's own, then the types of the arguments.
pub(super) trait Inputs {
    /// Whether the handler reads `If-Match`.
    const READS_VERSION: bool;

    /// The query parameters that the handler reads.
    fn query() -> Vec<&'static str>;
}

macro_rules! inputs {
    ($($argument:ident),*) => {
        impl<Marker, $($argument: Input),*> Inputs for (Marker, $($argument,)*) {
            const READS_VERSION: bool = false $(|| $argument::READS_VERSION)*;

            fn query() -> Vec<&'static str> {
                let arguments: &[&[&str]] = &[$($argument::query()),*];
                arguments.concat()
            }
        }
    };
}

inputs!();
inputs!(A);
inputs!(A, B);
inputs!(A, B, C);
inputs!(A, B, C, D);
inputs!(A, B, C, D, E);

/// The names of a struct's fields as serde reads them, aliases included; none for other types.
fn field_names<T: DeserializeOwned>() -> &'static [&'static str] {
    /// Keeps the names that a struct's implementation passes, and deserializes nothing.
    struct Names<'a>(&'a mut &'static [&'static str]);

    impl<'de> Deserializer<'de> for Names<'_> {
        type Error = Error;

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _name: &'static str,
            fields: &'static [&'static str],
            _visitor: V,
        ) -> Result<V::Value, Error> {
            *self.0 = fields;
            Err(Error::custom("only the names are wanted"))
        }

        fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
            Err(Error::custom("not a struct"))
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
            option unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier
            ignored_any
        }
    }

    let mut names: &'static [&'static str] = &[];
    // Always an error; the names are the result.
    let _ = T::deserialize(Names(&mut names));
    names
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only the names matter")]
    struct Example {
        limit: Option<usize>,
        #[serde(alias = "cursor")]
        after: Option<String>,
        #[serde(rename = "move-to")]
        move_to: Option<String>,
    }

    #[test]
    fn parameters_are_the_names_that_serde_reads() {
        assert_eq!(field_names::<Example>(), ["limit", "after", "cursor", "move-to"]);
        assert_eq!(field_names::<String>(), [""; 0]);
    }

    #[test]
    fn a_handler_reads_the_parameters_of_all_its_arguments() {
        type Arguments = (u8, State<AdminState>, Id, Params<Example>, RecordChange);
        assert_eq!(Arguments::query(), ["limit", "after", "cursor", "move-to"]);
        const { assert!(Arguments::READS_VERSION) };
        const { assert!(!<(u8, State<AdminState>, Id) as Inputs>::READS_VERSION) };
    }
}
