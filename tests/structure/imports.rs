//! Imports: who names whom, in code that is not a test. A re-export of a module's own child is not
//! an import: the import is from the file that declares the name.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::source::{root, tokens};

/// The path of a module from the root of its crate; empty for the root itself.
type ModulePath = Vec<String>;

/// The modules of a crate that are compiled without `cfg(test)`.
#[derive(Debug, Default)]
pub(crate) struct Modules(BTreeMap<ModulePath, Module>);

#[derive(Debug, Default)]
struct Module {
    file: String,
    /// Names of items that are declared here.
    items: BTreeSet<String>,
    /// Crates of the workspace that are named here.
    crates: BTreeSet<String>,
    /// Names that are imported from other crates.
    foreign: BTreeSet<String>,
    paths: Vec<Mention>,
}

/// A path in the code, from the root of the crate.
#[derive(Debug, Clone)]
struct Mention {
    path: Vec<String>,
    /// The name that a `use` binds, `*` for all; none for a path in an expression or type.
    binds: Option<String>,
    public: bool,
}

/// One file imports from another.
pub(crate) type Imports = BTreeMap<String, BTreeSet<String>>;

impl Modules {
    /// Reads a crate from its root file, such as `src/lib.rs`.
    pub(crate) fn read(file: &str) -> Self {
        let mut modules = Self::default();
        let folder = file.rsplit_once('/').unwrap().0;
        modules.add(file, folder, Vec::new());
        modules
    }

    fn add(&mut self, file: &str, folder: &str, path: ModulePath) {
        let mut reader = Reader { file, children: Vec::new(), found: Vec::new() };
        reader.module(tokens(file), path);
        let children = std::mem::take(&mut reader.children);
        self.0.extend(reader.found);
        for child in children {
            let file = format!("{folder}/{}.rs", child.join("/"));
            if root().join(&file).exists() {
                self.add(&file, folder, child);
            }
        }
    }

    /// Which file names which crates of the workspace.
    pub(crate) fn crates(&self) -> Imports {
        let mut crates = Imports::new();
        for module in self.0.values() {
            crates.entry(module.file.clone()).or_default().extend(module.crates.iter().cloned());
        }
        crates
    }

    /// Which file imports from which.
    pub(crate) fn imports(&self) -> Imports {
        let mut imports = Imports::new();
        for (path, module) in &self.0 {
            let files = imports.entry(module.file.clone()).or_default();
            for mention in &module.paths {
                let own_child = mention.path.starts_with(path) && mention.path.len() > path.len();
                if mention.public && own_child {
                    continue;
                }
                if let Some(file) = self.declaring_file(&mention.path, 0)
                    && file != module.file
                {
                    files.insert(file.to_owned());
                }
            }
        }
        imports
    }

    /// The file that declares what a path leads to, through re-exports.
    fn declaring_file(&self, path: &[String], depth: usize) -> Option<&str> {
        let known = (0..=path.len()).rev().find(|&length| self.0.contains_key(&path[..length]))?;
        let module = &self.0[&path[..known]];
        let Some(name) = path.get(known) else { return Some(&module.file) };
        if module.items.contains(name) || depth > 8 {
            return Some(&module.file);
        }
        if module.foreign.contains(name) {
            return None;
        }
        let named = module.paths.iter().find(|mention| mention.binds.as_ref() == Some(name));
        if let Some(mention) = named {
            return self.declaring_file(&mention.path, depth + 1);
        }
        let globs = module.paths.iter().filter(|mention| mention.binds.as_deref() == Some("*"));
        let mut sources = globs.filter_map(|mention| self.0.get(&mention.path));
        let source = sources.find(|source| source.items.contains(name)).unwrap_or(module);
        Some(&source.file)
    }
}

impl Module {
    fn notes_crate(&mut self, name: &str) {
        if name.starts_with("portcullis_") {
            self.crates.insert(name.replace('_', "-"));
        }
    }
}

/// Reads the modules of one file.
struct Reader<'f> {
    file: &'f str,
    /// Modules in files of their own.
    children: Vec<ModulePath>,
    found: Vec<(ModulePath, Module)>,
}

impl Reader<'_> {
    fn module(&mut self, tokens: TokenStream, path: ModulePath) {
        let mut module = Module { file: self.file.to_owned(), ..Module::default() };
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        self.items(&tokens, &path, &mut module, true);
        // Paths that begin with the name of a child module.
        let children: BTreeSet<&String> = (self.children.iter())
            .chain(self.found.iter().map(|(path, _)| path))
            .filter(|child| child.len() == path.len() + 1 && child.starts_with(&path))
            .filter_map(|child| child.last())
            .collect();
        module.paths.retain_mut(|mention| {
            if mention.path.first().is_some_and(|first| first == RELATIVE) {
                mention.path.remove(0);
                if !mention.path.first().is_some_and(|first| children.contains(first)) {
                    module.foreign.extend(mention.binds.take());
                    return false;
                }
                mention.path.splice(0..0, path.iter().cloned());
            }
            true
        });
        self.found.push((path, module));
    }

    fn items(&mut self, tokens: &[TokenTree], path: &[String], module: &mut Module, top: bool) {
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    if let Some(TokenTree::Group(attribute)) = tokens.get(at)
                        && is_cfg_test(&attribute.stream())
                    {
                        at = end_of_item(tokens, at + 1);
                    }
                }
                TokenTree::Ident(word) if word == "use" => {
                    let public = is_public(&tokens[..at - 1]);
                    let end = at + position(&tokens[at..], ';');
                    self.tree(&tokens[at..end], path, &[], public, module);
                    at = end;
                }
                TokenTree::Ident(word) if word == "mod" && top => {
                    let Some(TokenTree::Ident(name)) = tokens.get(at) else { continue };
                    let child = [path, &[name.to_string()]].concat();
                    match tokens.get(at + 1) {
                        Some(TokenTree::Group(body)) => {
                            self.module(body.stream(), child);
                            at += 2;
                        }
                        _ => self.children.push(child),
                    }
                }
                TokenTree::Ident(word) => {
                    let declares = top && DECLARATIONS.iter().any(|keyword| word == keyword);
                    if declares && let Some(TokenTree::Ident(name)) = tokens.get(at) {
                        module.items.insert(name.to_string());
                    }
                    module.notes_crate(&word.to_string());
                    let follows = at >= 2 && is_punct(tokens.get(at - 2), ':');
                    if is_double_colon(tokens, at) && !follows {
                        at = inline_path(tokens, at - 1, path, module);
                    }
                }
                TokenTree::Group(group) => {
                    let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
                    // The path in `pub(in path)` imports nothing.
                    if !matches!(tokens.first(), Some(TokenTree::Ident(word)) if word == "in") {
                        self.items(&tokens, path, module, false);
                    }
                }
                _ => {}
            }
        }
    }

    /// The tree of a `use`.
    fn tree(
        &self,
        tokens: &[TokenTree],
        path: &[String],
        prefix: &[String],
        public: bool,
        module: &mut Module,
    ) {
        let branches = tokens.split(|token| is_punct(Some(token), ','));
        // A list that ends in a comma has an empty branch at its end.
        for branch in branches.filter(|branch| !branch.is_empty()) {
            let mut full = prefix.to_vec();
            let mut binds = None;
            let mut words = branch.iter().peekable();
            while let Some(token) = words.next() {
                match token {
                    TokenTree::Ident(word) if word == "as" => {
                        binds = words.next().map(ToString::to_string);
                    }
                    TokenTree::Ident(word) => full.push(word.to_string()),
                    TokenTree::Punct(star) if star.as_char() == '*' => binds = Some("*".to_owned()),
                    TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                        let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                        self.tree(&inner, path, &full, public, module);
                        full.clear();
                    }
                    _ => {}
                }
            }
            if full.is_empty() {
                continue;
            }
            if full.len() > 1 && full.last().is_some_and(|last| last == "self") {
                full.pop();
            }
            module.notes_crate(&full[0]);
            let binds = binds.or_else(|| full.last().cloned());
            if let Some(path) = absolute(&full, path) {
                module.paths.push(Mention { path, binds, public });
            }
        }
    }
}

/// Marks a path whose first name may be a child module.
const RELATIVE: &str = "";

const DECLARATIONS: [&str; 8] =
    ["struct", "enum", "union", "trait", "type", "fn", "const", "static"];

/// A path from the root of the crate; none when it does not lead into the crate.
fn absolute(path: &[String], from: &[String]) -> Option<Vec<String>> {
    let first = path.first()?;
    match first.as_str() {
        "crate" => Some(path[1..].to_vec()),
        "self" => Some([from, &path[1..]].concat()),
        "super" => {
            let ups = path.iter().take_while(|word| *word == "super").count();
            let base = from.get(..from.len().checked_sub(ups)?)?;
            Some([base, &path[ups..]].concat())
        }
        _ => Some([&[RELATIVE.to_owned()], path].concat()),
    }
}

/// Notes the path that begins at a token; answers where it ends.
fn inline_path(tokens: &[TokenTree], start: usize, from: &[String], module: &mut Module) -> usize {
    let mut names = vec![tokens[start].to_string()];
    let mut at = start + 1;
    while is_double_colon(tokens, at) {
        match tokens.get(at + 2) {
            Some(TokenTree::Ident(name)) => names.push(name.to_string()),
            _ => break,
        }
        at += 3;
    }
    if let Some(path) = absolute(&names, from) {
        module.paths.push(Mention { path, binds: None, public: false });
    }
    at
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

fn is_double_colon(tokens: &[TokenTree], at: usize) -> bool {
    is_punct(tokens.get(at), ':') && is_punct(tokens.get(at + 1), ':')
}

/// Where a punctuation mark is; the end if it is not there.
fn position(tokens: &[TokenTree], wanted: char) -> usize {
    tokens.iter().position(|token| is_punct(Some(token), wanted)).unwrap_or(tokens.len())
}

/// Whether `pub` or `pub(…)` stands last.
fn is_public(before: &[TokenTree]) -> bool {
    let last = match before {
        [.., last, TokenTree::Group(group)] if group.delimiter() == Delimiter::Parenthesis => last,
        [.., last] => last,
        [] => return false,
    };
    matches!(last, TokenTree::Ident(word) if word == "pub")
}

/// Whether an attribute is `cfg(test)` or `cfg(any(test, …))`.
fn is_cfg_test(attribute: &TokenStream) -> bool {
    let text = attribute.to_string().replace(' ', "");
    text.starts_with("cfg(test)") || text.starts_with("cfg(any(test,")
}

/// The end of the item that begins here, further attributes included.
fn end_of_item(tokens: &[TokenTree], mut at: usize) -> usize {
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token {
            TokenTree::Punct(punct) if punct.as_char() == ';' => break,
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => break,
            _ => {}
        }
    }
    at
}

/// Sets of files that import each other, directly or through others.
pub(crate) fn cycles(imports: &Imports) -> Vec<Vec<String>> {
    let mut reaches: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for file in imports.keys() {
        let mut seen = BTreeSet::new();
        let mut open = vec![file.as_str()];
        while let Some(next) = open.pop() {
            for to in imports.get(next).into_iter().flatten() {
                if seen.insert(to.as_str()) {
                    open.push(to);
                }
            }
        }
        reaches.insert(file, seen);
    }
    let mut cycles = BTreeSet::new();
    for (file, reached) in &reaches {
        let cycle: Vec<String> = reached
            .iter()
            .filter(|other| reaches.get(*other).is_some_and(|back| back.contains(file)))
            .map(|other| (*other).to_owned())
            .collect();
        if cycle.len() > 1 {
            cycles.insert(cycle);
        }
    }
    cycles.into_iter().collect()
}
