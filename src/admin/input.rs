//! What a handler reads from a request, known from the types of its arguments.
//!
//! The query parameters of a route are thus declared once, as the fields of a struct in its
//! handler's signature: the extractor reads them, the guard rejects any other, and the description
//! of the API has them.

use axum::Extension;
use http::{HeaderMap, Method};
use schemars::JsonSchema;
use serde::de::value::Error;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;

use super::request::{
    Body, CsvFile, Detaching, Id, LARGEST_BODY, LARGEST_FILE, NewRecord, OptionalBody, Params,
    RecordChange, RecordEdit, TomlFile,
};
use super::schemas::Schemas;
use super::scoped::{State, Unauthenticated};
use super::state::AdminState;

const JSON: &str = "application/json";

/// What a handler reads.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// Its query parameters: name, schema, and whether it is required.
    pub(super) query: Vec<(String, Value, bool)>,
    /// The media type and the schema of the body, and whether it is required.
    pub(super) body: Option<(&'static str, Value, bool)>,
}

/// An argument of a handler.
pub(super) trait Input {
    /// Whether it reads the version that the record must have (`If-Match`).
    const READS_VERSION: bool = false;

    /// The largest body that it reads, in MiB.
    const LARGEST_BODY: usize = LARGEST_BODY;

    /// The query parameters that it reads, aliases included.
    fn query() -> &'static [&'static str] {
        &[]
    }

    /// Adds what it reads.
    fn describe(_parts: &mut Parts, _schemas: &mut Schemas) {}
}

impl Input for State<AdminState> {}
impl Input for Unauthenticated {}
impl<T> Input for Extension<T> {}
impl Input for HeaderMap {}
impl Input for Method {}
impl Input for NewRecord {}
impl<T> Input for Id<T> {}

impl<T: JsonSchema> Input for Body<T> {
    fn describe(parts: &mut Parts, schemas: &mut Schemas) {
        parts.body = Some((JSON, schemas.request::<T>(), true));
    }
}

impl<T: JsonSchema> Input for OptionalBody<T> {
    fn describe(parts: &mut Parts, schemas: &mut Schemas) {
        parts.body = Some((JSON, schemas.request::<T>(), false));
    }
}

impl Input for TomlFile {
    const LARGEST_BODY: usize = LARGEST_FILE;

    fn describe(parts: &mut Parts, _schemas: &mut Schemas) {
        parts.body = Some(("application/toml", serde_json::json!({ "type": "string" }), true));
    }
}

impl Input for CsvFile {
    const LARGEST_BODY: usize = LARGEST_FILE;

    fn describe(parts: &mut Parts, _schemas: &mut Schemas) {
        parts.body = Some(("text/csv", serde_json::json!({ "type": "string" }), true));
    }
}

impl Input for RecordChange {
    const READS_VERSION: bool = true;
}

impl Input for RecordEdit {
    const READS_VERSION: bool = true;

    fn query() -> &'static [&'static str] {
        Params::<Detaching>::query()
    }

    fn describe(parts: &mut Parts, schemas: &mut Schemas) {
        Params::<Detaching>::describe(parts, schemas);
    }
}

impl<T: DeserializeOwned + JsonSchema> Input for Params<T> {
    fn query() -> &'static [&'static str] {
        field_names::<T>()
    }

    fn describe(parts: &mut Parts, schemas: &mut Schemas) {
        parts.query.extend(schemas.parameters::<T>());
    }
}

/// All arguments of a handler. Implemented for the tuples by which axum tells handlers of different
/// signatures apart: a marker of axum's own, then the types of the arguments.
pub(super) trait Inputs {
    /// Whether the handler reads `If-Match`.
    const READS_VERSION: bool;

    /// The largest body that the handler reads, in MiB.
    const LARGEST_BODY: usize;

    /// The query parameters that the handler reads.
    fn query() -> Vec<&'static str>;

    /// What the handler reads.
    fn describe(schemas: &mut Schemas) -> Parts;
}

const fn largest(mut sizes: &[usize]) -> usize {
    let mut largest = LARGEST_BODY;
    while let [size, rest @ ..] = sizes {
        if *size > largest {
            largest = *size;
        }
        sizes = rest;
    }
    largest
}

macro_rules! inputs {
    ($($argument:ident),*) => {
        impl<Marker, $($argument: Input),*> Inputs for (Marker, $($argument,)*) {
            const READS_VERSION: bool = false $(|| $argument::READS_VERSION)*;

            const LARGEST_BODY: usize = largest(&[$($argument::LARGEST_BODY),*]);

            fn query() -> Vec<&'static str> {
                let arguments: &[&[&str]] = &[$($argument::query()),*];
                arguments.concat()
            }

            fn describe(schemas: &mut Schemas) -> Parts {
                let mut parts = Parts::default();
                let arguments: &[fn(&mut Parts, &mut Schemas)] = &[$($argument::describe),*];
                for describe in arguments {
                    describe(&mut parts, schemas);
                }
                parts
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

    #[derive(Debug, Deserialize, JsonSchema)]
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
