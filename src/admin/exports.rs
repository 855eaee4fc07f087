//! Lists as CSV: in the columns that an import reads, so that a file can be edited in a spreadsheet
//! and imported again.
//!
//! The whole list is sent, page by page, in constant memory. A failure cuts the response off, so that
//! no client takes a part for the whole.

use axum::body::Body;
use axum::extract::FromRequestParts;
use bytes::Bytes;
use futures_util::stream;
use http::header;
use http::request::Parts;
use serde::Deserialize;

use super::input::{self, Input};
use super::problem::Problem;
use super::request::{PageParams, Params};
use super::response::{ApiResult, Lists, csv_list};
use super::schemas::Schemas;
use crate::directory::accounts::organizations::OrganizationFilter;
use crate::directory::accounts::user_list::UserFilter;
use crate::directory::accounts::users::UserView;
use crate::directory::{Directory, DirectoryError, OrganizationId, PageRequest};
use crate::spreadsheet::row;

/// How many records are read at a time.
const PAGE: usize = 500;
/// Without it, Excel does not read the file as UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The format of a list.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
struct FormatParams {
    /// `json`, the default, or `csv`: the whole list, without `limit` and `after`. Without it, an
    /// `Accept` of `text/csv` returns CSV too.
    format: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "ListFormat")]
enum Format {
    Json,
    Csv,
}

/// Whether a list is requested as CSV.
#[derive(Debug, Clone, Copy)]
pub(super) struct AsCsv(pub(super) bool);

impl<S: Send + Sync> FromRequestParts<S> for AsCsv {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Params(FormatParams { format }) = Params::from_request_parts(parts, state).await?;
        let is_csv = match format {
            Some(format) => format == Format::Csv,
            None => accepts_csv(&parts.headers),
        };
        if is_csv {
            let Params(page) = Params::<PageParams>::from_request_parts(parts, state).await?;
            if page != PageParams::default() {
                let message = "a CSV file has the whole list; leave out `limit` and `after`";
                return Err(Problem::invalid("format", message));
            }
        }
        Ok(Self(is_csv))
    }
}

impl Input for AsCsv {
    fn query() -> &'static [&'static str] {
        <Params<FormatParams> as Input>::query()
    }

    fn describe(parts: &mut input::Parts, schemas: &mut Schemas) {
        <Params<FormatParams> as Input>::describe(parts, schemas);
    }
}

/// Whether the first media type of `Accept` is CSV.
pub(super) fn accepts_csv(headers: &http::HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let first = accept.and_then(|accept| accept.split([',', ';']).next());
    first.is_some_and(|first| first.trim().eq_ignore_ascii_case("text/csv"))
}

/// The organizations that a filter selects.
pub(super) async fn organizations<T>(
    directory: Directory,
    filter: OrganizationFilter,
) -> ApiResult<Lists<T>> {
    const HEADER: [&str; 5] = ["id", "name", "email", "portal_users", "link_enabled"];
    let page = move |request: PageRequest| {
        let (directory, filter) = (directory.clone(), filter.clone());
        async move {
            let page = directory.organizations().list(&filter, &request).await?;
            let rows = page.items.iter().map(|organization| {
                row([
                    organization.id.as_ref(),
                    &organization.name,
                    organization.email.as_deref().unwrap_or_default(),
                    &organization.portal_users.to_string(),
                    answer(organization.link_enabled),
                ])
            });
            Ok((rows.collect(), page.next.map(|next| next.to_string())))
        }
    };
    file(row(HEADER), page).await
}

/// The end users of an organization that a search selects.
pub(super) async fn end_users<T>(
    directory: Directory,
    organization: OrganizationId,
    search: Option<String>,
) -> ApiResult<Lists<T>> {
    const HEADER: [&str; 4] = ["organization", "id", "name", "email"];
    let page = move |request: PageRequest| {
        let (directory, organization, search) =
            (directory.clone(), organization.clone(), search.clone());
        async move {
            let end_users = directory.end_users();
            let page = end_users.list(&organization, search.as_deref(), &request).await?;
            let rows = page.items.iter().map(|end_user| {
                row([
                    end_user.organization.as_ref(),
                    end_user.id.as_ref(),
                    &end_user.name,
                    end_user.email.as_deref().unwrap_or_default(),
                ])
            });
            Ok((rows.collect(), page.next.map(|next| next.to_string())))
        }
    };
    file(row(HEADER), page).await
}

/// The portal users that a filter selects.
pub(super) async fn users<T>(directory: Directory, filter: UserFilter) -> ApiResult<Lists<T>> {
    const HEADER: [&str; 10] = [
        "organization",
        "login",
        "name",
        "end_user",
        "group",
        "require_mfa",
        "disabled",
        "status",
        "last_sign_in",
        "id",
    ];
    let page = move |request: PageRequest| {
        let (directory, filter) = (directory.clone(), filter.clone());
        async move {
            let page = directory.users().list(&filter, &request).await?;
            let mut rows = String::new();
            for user in &page.items {
                let last_sign_in = user.last_sign_in.map(|time| time.to_string());
                rows.push_str(&row([
                    user.organization.as_ref(),
                    &user.login,
                    user.name.as_deref().unwrap_or_default(),
                    &end_user(&directory, user).await?,
                    user.group.as_ref(),
                    answer(user.require_mfa),
                    answer(user.disabled),
                    user.status.name(),
                    &last_sign_in.unwrap_or_default(),
                    user.id.as_ref(),
                ]));
            }
            Ok((rows, page.next.map(|next| next.to_string())))
        }
    };
    file(row(HEADER), page).await
}

/// The end user of a portal user by address, or else by name: ids are different in another
/// installation.
async fn end_user(directory: &Directory, user: &UserView) -> Result<String, DirectoryError> {
    let Some(id) = &user.end_user else { return Ok(String::new()) };
    match directory.end_users().get(&user.organization, id).await {
        Ok(end_user) => Ok(end_user.email.unwrap_or(end_user.name)),
        Err(DirectoryError::NotFound { .. }) => Ok(id.to_string()),
        Err(error) => Err(error),
    }
}

const fn answer(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

/// A file with this header and the rows of all pages. What is wrong with the request is answered
/// before the file begins.
async fn file<T, F, P>(header: String, page: F) -> ApiResult<Lists<T>>
where
    F: Fn(PageRequest) -> P + Send + Sync + 'static,
    P: Future<Output = Result<(String, Option<String>), DirectoryError>> + Send,
{
    let (rows, next) = page(PageRequest::parse(None, Some(PAGE))?).await?;
    let first = Bytes::from(format!("{BYTE_ORDER_MARK}{header}{rows}"));
    let rest = stream::try_unfold((page, Some(first), next), |(page, first, next)| async move {
        if let Some(first) = first {
            return Ok(Some((first, (page, None, next))));
        }
        let Some(after) = next else { return Ok(None) };
        let read = async { page(PageRequest::parse(Some(&after), Some(PAGE))?).await };
        let (rows, next) = read.await.inspect_err(|error: &DirectoryError| {
            tracing::error!(%error, "could not read the rest of a list");
        })?;
        Ok::<_, DirectoryError>(Some((Bytes::from(rows), (page, None, next))))
    });
    csv_list(Body::from_stream(rest))
}
