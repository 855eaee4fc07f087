//! Reads and compiles the four files. [`PolicyFiles::read`] is the only I/O of the crate.

use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::document::File;
use super::permission::Catalogue;
use super::policy::Policy;
use super::portal::Portal;
use super::problem::{
    EXPECTATIONS_FILE, GROUPS_FILE, PERMISSIONS_FILE, PolicyProblems, Problem, ROUTES_DIRECTORY,
    ROUTES_FILE,
};
use super::reading::Readings;
use super::route::Route;
use super::router::{Conflict, Router};
use super::{expectation, group, query_rule, route};

/// The name of the directory in a problem: the setting for it.
const DIRECTORY: &str = "policy.directory";

/// Bytes of the hash in a version.
const VERSION_BYTES: usize = 6;

/// The texts of the four policy files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyFiles {
    /// `permissions.toml`
    pub permissions: String,
    /// `groups.toml`
    pub groups: String,
    /// `routes.toml`
    pub routes: String,
    /// The files in `routes.d`: their names there, and their texts.
    pub more_routes: Vec<(String, String)>,
    /// `expectations.toml`; empty when there is no such file
    pub expectations: String,
}

impl PolicyFiles {
    /// The names of the files.
    pub const NAMES: [&str; 4] = [PERMISSIONS_FILE, GROUPS_FILE, ROUTES_FILE, EXPECTATIONS_FILE];

    /// The directory with more files of routes.
    pub const MORE: &str = ROUTES_DIRECTORY;

    /// Reads the files of a directory. A file that cannot be read is returned empty, with a problem.
    fn read(directory: &Path) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut read = |file: &'static str, optional: bool| match read_file(&directory.join(file)) {
            Err(error) if !(optional && error.kind() == io::ErrorKind::NotFound) => {
                let message = format!("cannot be read: {error}");
                problems.push(Problem { file: file.into(), line: None, message });
                String::new()
            }
            text => text.unwrap_or_default(),
        };
        let mut files = Self {
            permissions: read(PERMISSIONS_FILE, false),
            groups: read(GROUPS_FILE, false),
            routes: read(ROUTES_FILE, false),
            more_routes: Vec::new(),
            expectations: read(EXPECTATIONS_FILE, true),
        };
        let unread = |file: String, error: &io::Error| {
            let message = format!("cannot be read: {error}");
            Problem { file: file.into(), line: None, message }
        };
        match Self::more_names(directory) {
            Ok(names) => {
                for name in names {
                    match read_file(&directory.join(ROUTES_DIRECTORY).join(&name)) {
                        Ok(text) => files.more_routes.push((name, text)),
                        Err(error) => problems.push(unread(path_of(&name), &error)),
                    }
                }
            }
            Err(error) => problems.push(unread(ROUTES_DIRECTORY.to_owned(), &error)),
        }
        (files, problems)
    }

    /// The names of the files in `routes.d` of a directory, in order: those that end in `.toml` and
    /// do not begin with a dot.
    ///
    /// # Errors
    /// When `routes.d` exists and cannot be read.
    pub fn more_names(directory: &Path) -> io::Result<Vec<String>> {
        let folder = match std::fs::read_dir(directory.join(ROUTES_DIRECTORY)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            folder => folder?,
        };
        let mut names = Vec::new();
        for file in folder {
            let name = file?.file_name().into_string().map_err(|name| {
                io::Error::other(format!("`{}` is not a valid file name", name.display()))
            })?;
            if name.ends_with(".toml") && !name.starts_with('.') {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// A short hash. The lengths are hashed too, so that moving text between files changes it.
    fn version(&self) -> String {
        let mut hash = Sha256::new();
        let named = self.more_routes.iter().flat_map(|(name, text)| [name, text]);
        let files = [&self.permissions, &self.groups, &self.routes, &self.expectations];
        for text in files.into_iter().chain(named) {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        let hash = hash.finalize();
        data_encoding::HEXLOWER.encode(hash.get(..VERSION_BYTES).unwrap_or(&hash))
    }
}

impl Policy {
    /// Reads, compiles and checks the policy of a directory, for a start or for `check`, for a
    /// portal without further servers and with all readings. Expectations are checked for the groups of `groups.toml`; for others, call
    /// [`Policy::check_expectations`].
    ///
    /// # Errors
    /// All problems of the files, or all expectations that fail.
    pub fn load(directory: &Path) -> Result<Self, PolicyProblems> {
        Self::load_for(directory, &Portal::default())
    }

    /// The same, for this portal.
    ///
    /// # Errors
    /// All problems of the files, or all expectations that fail.
    pub fn load_for(directory: &Path, portal: &Portal) -> Result<Self, PolicyProblems> {
        directory.metadata().map_err(|error| {
            let message = format!("`{}` cannot be read: {error}", directory.display());
            PolicyProblems::from(Problem { file: DIRECTORY.into(), line: None, message })
                .with_unread()
        })?;
        let (files, unread) = PolicyFiles::read(directory);
        let compiled = Self::compile_read(&files, &unread, portal);
        let policy = match unread.is_empty() {
            true => compiled?,
            false => compiled.map_err(PolicyProblems::with_unread)?,
        };
        policy.check_seed_expectations()?;
        Ok(policy)
    }

    /// Compiles a policy for a portal without further servers and with all readings. Does not check the expectations.
    ///
    /// # Errors
    /// All problems of the files.
    pub fn compile(files: &PolicyFiles) -> Result<Self, PolicyProblems> {
        Self::compile_for(files, &Portal::default())
    }

    /// Compiles a policy for this portal. Does not check the expectations.
    ///
    /// # Errors
    /// All problems of the files.
    pub fn compile_for(files: &PolicyFiles, portal: &Portal) -> Result<Self, PolicyProblems> {
        Self::compile_read(files, &[], portal)
    }

    /// Compiles files of which some could not be read.
    fn compile_read(
        files: &PolicyFiles,
        unread: &[Problem],
        portal: &Portal,
    ) -> Result<Self, PolicyProblems> {
        let permissions = File::new(PERMISSIONS_FILE, &files.permissions, unread);
        let groups = File::new(GROUPS_FILE, &files.groups, unread);
        let more = files.more_routes.iter();
        let more = more.map(|(name, text)| File::new(path_of(name), text, unread));
        let routes: Vec<_> =
            std::iter::once(File::new(ROUTES_FILE, &files.routes, unread)).chain(more).collect();
        let expectations = File::new(EXPECTATIONS_FILE, &files.expectations, unread);

        let catalogue = Catalogue::compile(&permissions);
        let known = (!permissions.has_problems()).then_some(&catalogue);
        let seeds = group::compile(&groups, known);
        let compiled = route::compile(&routes, known, portal);
        let router = route_all(&routes, &compiled, portal.readings);
        let asked = expectation::compile(&expectations);

        let checked = [permissions, groups].into_iter().chain(routes).chain([expectations]);
        let mut problems: Vec<_> = checked.flat_map(File::into_problems).collect();
        // Those of files whose text could not be read.
        problems.extend(
            unread.iter().filter(|problem| problem.file.starts_with(ROUTES_DIRECTORY)).cloned(),
        );
        PolicyProblems::check(problems)?;
        let mut method_overrides = Vec::new();
        for rule in compiled.iter().filter_map(|route| route.method_override()) {
            if !method_overrides.contains(rule) {
                method_overrides.push(rule.clone());
            }
        }
        Ok(Self {
            version: files.version(),
            catalogue,
            seeds,
            routes: compiled,
            router,
            route_of_trials: Arc::new(Route::of_trials()),
            method_overrides,
            expectations: asked,
        })
    }
}

/// The text of a file. Opening a pipe would wait for its other end, and with it each later reload.
fn read_file(path: &Path) -> io::Result<String> {
    if std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo()) {
        return Err(io::Error::other("it is a pipe"));
    }
    std::fs::read_to_string(path)
}

/// The name of a file in `routes.d`, from the directory of the policy.
fn path_of(name: &str) -> String {
    format!("{ROUTES_DIRECTORY}/{name}")
}

/// Builds the router. Two routes for the same requests are a problem.
fn route_all(files: &[File<'_>], routes: &[Arc<Route>], readings: Readings) -> Router {
    let mut router = Router::new(readings);
    for route in routes {
        if let Err(conflict) = router.insert(route) {
            let message = conflict_message(route, &conflict);
            if let Some(file) = files.iter().find(|file| file.name() == route.file()) {
                file.problem(route.line(), message);
            }
        }
    }
    router
}

fn conflict_message(route: &Route, conflict: &Conflict) -> String {
    let place = |other: &Route| route::place_from(route.file(), other.file(), other.line());
    match conflict {
        Conflict::Same(other) => {
            let methods: Vec<_> =
                route.methods().iter().filter(|m| other.methods().contains(m)).collect();
            let shared = methods.iter().map(|m| m.as_str()).collect::<Vec<_>>().join(", ");
            let query = query_rule::overlap(route.query(), other.query()).unwrap_or_default();
            format!(
                "route `{}` is for the same requests as `{}` {} ({shared} {}{query})",
                route.name(),
                other.name(),
                place(other),
                route.path().as_str(),
            )
        }
        Conflict::Tails(other) => format!(
            "route `{}` overlaps with `{}` {}: a path can end both in what follows the \
             rest of `{}` and of `{}`",
            route.name(),
            other.name(),
            place(other),
            route.path().as_str(),
            other.path().as_str(),
        ),
    }
}

#[cfg(test)]
mod tests;
