//! The admin UI: what operators do, as pages for browsers, on the admin listener.
//!
//! The pages are a client of the API in the same process ([`client`]): a page reads documents and
//! sends changes with the cookie of its request. So roles, scopes, versions, dry runs and errors are
//! those of the API, and this module has no rule of its own and no other way to a record (I8).
//!
//! Every page works without script. With script, searches are answered as one types and running work
//! is shown as it goes on (htmx, and a script of our own).
//!
//! | module | holds |
//! |---|---|
//! | [`pages`] | the table of pages: what each requires, its handler, its place in the navigation |
//! | `table` | how a page is declared, and what is done before its handler runs |
//! | [`client`], `refusal` | requests to the API, and its errors |
//! | `visit`, `sent_form`, `fields`, `who` | one request for a page, its form and the fields of that, who is signed in |
//! | `kit`, `texts`, `assets` | what all pages are made with: texts, style, script, pictures |
//! | `frame`, `navigation`, `number` | what is around the content of each page |
//! | `notice`, `late` | the page in place of one that cannot be shown; buttons that came too late |
//! | `rights`, `issued_factor` | fields and secrets that accounts and tokens have in common |
//! | `warnings` | the warnings of the API, in words |
//! | `confirmation`, `change` | the question before a change, with what it would do; and the change |
//! | `field`, `editing`, `listed` | fields of forms, what a form was opened with, and lists that have pages |
//! | `sign_in`, `code_step`, `set_up`, `destination`, `kept_form` | signing in, with a code, a second factor set up there, where it leads, and forms that are kept until then |
//! | all others | the pages |

mod account;
mod administrators;
mod asset_files;
mod assets;
mod audit;
mod branding;
mod bulk;
mod change;
mod client;
mod code_step;
mod confirmation;
mod destination;
mod editing;
mod end_users;
mod explain;
mod field;
mod fields;
mod frame;
mod groups;
mod import;
mod issued_factor;
mod jobs;
mod kept_form;
mod kit;
mod late;
mod listed;
mod lockouts;
mod mail;
mod messages;
mod navigation;
mod notice;
mod number;
mod organizations;
mod overview;
mod pages;
mod people;
mod preferences;
mod refusal;
mod rights;
mod routes;
mod sent_form;
mod sessions;
mod set_up;
mod sign_in;
mod table;
mod texts;
mod tokens;
mod users;
mod visit;
mod warnings;
mod who;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};

pub(super) use self::kit::Ui;

/// The pages, and `api` for every path that is not a page's.
pub(super) fn router(ui: Ui, api: Router) -> Router {
    let pages = table::router(pages::table(), Arc::new(ui), api);
    let with_notices =
        tower::service_fn(move |request: Request| late::answer(pages.clone(), request));
    // Backups are encrypted: they do not become smaller.
    let encrypted = NotForContentType::const_new("application/octet-stream");
    let compress = DefaultPredicate::new().and(encrypted);
    let compression = CompressionLayer::new().gzip(true).compress_when(compress);
    Router::new().fallback_service(with_notices).layer(compression)
}
