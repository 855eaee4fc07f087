//! Imports go one way: no module of the application imports from one above it, no files import
//! each other in a circle, and `docs/architecture.md` shows the modules as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::imports::{Imports, Modules, cycles};
use crate::source::{read, root};

/// The modules of the application, from the top. A module imports only from layers below its own.
const LAYERS: [&[&str]; 17] = [
    &["cli"],
    &["demo", "doctor"],
    &["check"],
    &["app"],
    &["net"],
    &["portal_pages", "admin"],
    &["backup"],
    &["forward_auth", "mail", "audit", "jobs"],
    &["proxy"],
    &["authz"],
    &["session"],
    &["directory"],
    &["web"],
    &["config"],
    &["credential", "email", "spreadsheet"],
    &["service_manager", "tasks", "telemetry"],
    &["clock", "random"],
];

const ROOTS: [&str; 7] = [
    "src/lib.rs",
    "crates/audit/src/lib.rs",
    "crates/demo-portal/src/lib.rs",
    "crates/grpc-api/src/lib.rs",
    "crates/http1/src/lib.rs",
    "crates/policy/src/lib.rs",
    "crates/store/src/lib.rs",
];

/// The top-level module that a file of the application belongs to.
fn module_of(file: &str) -> Option<&str> {
    let name = file.strip_prefix("src/")?;
    let name = name.split('/').next()?.trim_end_matches(".rs");
    (!["lib", "main"].contains(&name)).then_some(name)
}

fn layer_of(module: &str) -> usize {
    let layer = LAYERS.iter().position(|layer| layer.contains(&module));
    layer.unwrap_or_else(|| panic!("{module} has no layer: add it to LAYERS"))
}

fn application() -> Imports {
    Modules::read("src/lib.rs").imports()
}

#[test]
fn no_module_imports_from_a_layer_above_or_beside_it() {
    let mut upward = Vec::new();
    for (from, files) in application() {
        for to in files {
            let (Some(module), Some(other)) = (module_of(&from), module_of(&to)) else { continue };
            if module != other && layer_of(module) >= layer_of(other) {
                upward.push(format!("{from} -> {to}"));
            }
        }
    }
    assert!(upward.is_empty(), "imports that go up or across:\n{}", upward.join("\n"));
}

#[test]
fn every_layer_is_of_modules_that_exist() {
    for module in LAYERS.concat() {
        let file = format!("src/{module}.rs");
        assert!(root().join(&file).exists(), "{file} is in LAYERS and not in the tree");
    }
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut found = String::new();
    for crate_root in ROOTS {
        let imports = Modules::read(crate_root).imports();
        for cycle in cycles(&imports) {
            writeln!(found, "a circle of {} files:", cycle.len()).unwrap();
            for file in &cycle {
                let inside = imports[file].iter().filter(|to| cycle.contains(to));
                let inside: Vec<&str> = inside.map(String::as_str).collect();
                writeln!(found, "  {file} -> {}", inside.join(", ")).unwrap();
            }
        }
    }
    assert!(found.is_empty(), "{found}");
}

/// The first sentence of a module's documentation.
fn purpose(module: &str) -> String {
    let text = read(&format!("src/{module}.rs"));
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    let lines: Vec<&str> = lines.map(str::trim).take_while(|line| !line.is_empty()).collect();
    let paragraph = lines.join(" ");
    let end = paragraph.find(". ").map_or(paragraph.len(), |at| at + 1);
    paragraph[..end].trim_end_matches(['.', ':']).replace('|', "\\|")
}

/// The modules of the application as a table, top layer first.
fn map() -> String {
    let modules = Modules::read("src/lib.rs");
    let mut imported: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut crates: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (from, files) in modules.imports() {
        let Some(module) = module_of(&from) else { continue };
        let others = files.iter().filter_map(|to| module_of(to)).filter(|other| *other != module);
        imported.entry(module.to_owned()).or_default().extend(others.map(str::to_owned));
    }
    for (from, named) in modules.crates() {
        let Some(module) = module_of(&from) else { continue };
        let short = named.iter().map(|name| name.trim_start_matches("portcullis-").to_owned());
        crates.entry(module.to_owned()).or_default().extend(short);
    }
    let mut map = String::from("| module | purpose | imports | crates |\n|---|---|---|---|\n");
    for module in LAYERS.concat() {
        let mut below: Vec<&String> = imported.get(module).into_iter().flatten().collect();
        below.sort_by_key(|below| layer_of(below));
        let below = listed(below);
        let crates = listed(crates.get(module).into_iter().flatten());
        writeln!(map, "| `{module}` | {} | {below} | {crates} |", purpose(module)).unwrap();
    }
    map
}

fn listed<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
    names.join(", ")
}

const BEGIN: &str = "<!-- modules: written by `make map` -->\n";
const END: &str = "<!-- end of modules -->";

#[test]
fn the_map_in_the_documents_is_the_map_of_the_code() {
    let document = "docs/architecture.md";
    let text = read(document);
    let (before, rest) = text.split_once(BEGIN).expect("the map's first marker");
    let (shown, after) = rest.split_once(END).expect("the map's last marker");
    let map = map();
    if std::env::var_os("WRITE_MAP").is_some() {
        std::fs::write(root().join(document), [before, BEGIN, &map, END, after].concat()).unwrap();
        return;
    }
    assert!(shown == map, "{document} shows another map than this (`make map` writes it):\n{map}");
}
