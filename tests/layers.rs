//! What docs/architecture.md says of imports: a module imports only from the lines below its own, no two
//! files from each other, and a folder of the page's scripts only from those below it in their table.
#![cfg(not(target_family = "wasm"))]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::PathBuf;

use walkdir::WalkDir;

/// What follows a heading of docs/architecture.md.
fn section(heading: &str) -> String {
    let page = fs::read_to_string("docs/architecture.md").expect("there");
    let (_, section) =
        page.split_once(&format!("\n## {heading}\n")).expect("a section of that name");
    section.to_owned()
}

/// The line of each module in the diagram.
fn diagram() -> HashMap<String, usize> {
    let section = section("Layers");
    let diagram = section.split("```").nth(1).expect("a diagram");
    let lines = diagram.lines().enumerate();
    lines
        .flat_map(|(at, line)| line.split_whitespace().map(move |name| (name.to_owned(), at)))
        .collect()
}

/// The lines of a source file, without comments and what is only compiled for tests.
fn code(text: &str) -> Vec<&str> {
    let mut code = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("#[cfg(test)]") || line.starts_with("#[cfg(all(test,") {
            let item = lines.by_ref().find(|line| !line.starts_with("#["));
            if let Some(item) = item.filter(|item| !item.ends_with(';')) {
                let is_use = item.starts_with("use ");
                lines.by_ref().find(|line| match is_use {
                    true => line.ends_with(';'),
                    false => matches!(*line, "}" | "];" | ");"),
                });
            }
        } else if !line.trim_start().starts_with("//") {
            code.push(line);
        }
    }
    code
}

/// The files in src/, but for lib.rs.
fn sources() -> Vec<PathBuf> {
    let paths = WalkDir::new("src").sort_by_file_name().into_iter();
    let paths = paths.map(|entry| entry.expect("a listed file").into_path());
    let is_source = |path: &PathBuf| path.extension().is_some_and(|end| end == "rs");
    paths.filter(|path| is_source(path) && !path.ends_with("src/lib.rs")).collect()
}

/// What follows each of these paths, up to the end of the name.
fn names<'a>(line: &'a str, path: &'a str) -> impl Iterator<Item = &'a str> {
    let is_end = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    line.split(path).skip(1).map(move |rest| rest.split(is_end).next().unwrap_or(rest))
}

#[test]
fn modules_import_only_from_the_lines_below_their_own() {
    let diagram = diagram();
    let (mut count, mut wrong) = (0, Vec::new());
    for path in sources() {
        let inner = path.strip_prefix("src").expect("inside").with_extension("");
        let parts: Vec<_> = inner.iter().map(|part| part.to_string_lossy()).collect();
        let (module, root) = match &*parts[0] {
            "bin" => (parts.join("/"), "ncsn::"),
            module => (module.to_owned(), "crate::"),
        };
        let at = *diagram.get(&module).unwrap_or_else(|| panic!("{module} is not in the diagram"));
        for line in code(&fs::read_to_string(&path).expect("text")) {
            assert!(!line.contains("crate::{"), "{}: one `use` for each module", path.display());
            for name in names(line, root).filter(|&name| name != module) {
                let Some(&other) = diagram.get(name) else { continue };
                count += 1;
                if other <= at {
                    wrong.push(format!("{}: {module} imports from {name}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "against the layers of docs/architecture.md:\n{}", wrong.join("\n"));
    assert!(count > 300, "only {count} imports were found");
}

/// A path, or a module: `a::b` is `["a", "b"]`.
type Names = Vec<String>;

/// The paths in a file.
#[derive(Default)]
struct Paths {
    /// Those of its `use`s, and whether these are public.
    uses: Vec<(bool, Names)>,
    /// All others.
    others: Vec<Names>,
}

impl Paths {
    fn of(code: &[&str]) -> Self {
        let mut paths = Self::default();
        let mut lines = code.iter().map(|line| line.trim());
        while let Some(line) = lines.next() {
            let start = line
                .split_once("use ")
                .filter(|(before, _)| matches!(*before, "" | "pub ") || before.starts_with("pub("));
            let Some((before, tree)) = start else {
                // `pub(in crate::a)` is no import.
                let line = match line.starts_with("pub(in ") {
                    true => line.split_once(')').map_or("", |(_, rest)| rest),
                    false => line,
                };
                let words = line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
                paths.others.extend(words.filter(|word| word.contains("::")).map(names_of));
                continue;
            };
            let mut tree = tree.to_owned();
            while !tree.ends_with(';') {
                tree += lines.next().expect("the end of the statement");
            }
            let is_public = !before.is_empty();
            let leaves = leaves(tree.trim_end_matches(';'));
            paths.uses.extend(leaves.iter().map(|leaf| (is_public, names_of(leaf))));
        }
        paths
    }
}

/// The paths of a tree: `a::b` and `a::c::D` of `a::{b, c::D}`.
fn leaves(tree: &str) -> Vec<String> {
    let Some((before, inner)) = tree.split_once('{') else { return vec![tree.trim().into()] };
    let mut depth = 0;
    let parts = inner.trim_end().trim_end_matches(',').strip_suffix('}').expect("closed");
    let parts = parts.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    let parts = parts.filter(|part| !part.trim().is_empty()).flat_map(leaves);
    parts.map(|part| format!("{}{part}", before.trim())).collect()
}

/// The names in a path, without an alias.
fn names_of(path: &str) -> Names {
    let (path, _) = path.split_once(" as ").unwrap_or((path, ""));
    path.split("::").filter(|&name| name != "self").map(Into::into).collect()
}

/// The files, by their modules.
type Files = BTreeMap<Names, Paths>;

/// What a path in a module is from the root of the crate; `None` if it leads out of the crate.
fn from_root(files: &Files, module: &[String], path: &[String]) -> Option<Names> {
    let ups = path.iter().take_while(|name| *name == "super").count();
    match &path.first()?[..] {
        "crate" => Some(path[1..].to_vec()),
        "super" => Some([module.get(..module.len() - ups)?, &path[ups..]].concat()),
        first => {
            let child = [module, &path[..1]].concat();
            if files.contains_key(&child) {
                return Some([module, path].concat());
            }
            // What the module has imported, unless from another crate.
            let mut uses = files[module].uses.iter().map(|(_, used)| used);
            let used = uses.find(|used| used.last().is_some_and(|name| name == first))?;
            let is_ours = matches!(&used[0][..], "crate" | "super");
            is_ours.then(|| from_root(files, module, used))?.map(|at| [&at, &path[1..]].concat())
        }
    }
}

/// The module whose file has what a path from the root leads to, through re-exports.
fn home(files: &Files, path: &[String]) -> Option<Names> {
    let at = (1..=path.len()).rev().find(|&at| files.contains_key(&path[..at]))?;
    let (module, rest) = path.split_at(at);
    let used = rest.first().and_then(|name| {
        let mut uses = files[module].uses.iter();
        let (_, used) = uses.find(|(public, used)| *public && used.last() == Some(name))?;
        from_root(files, module, used)
    });
    match used {
        Some(used) if used != path => home(files, &[&used, &rest[1..]].concat()),
        _ => Some(module.to_vec()),
    }
}

#[test]
fn no_two_files_import_from_each_other() {
    let mut files = Files::new();
    for path in sources().iter().filter(|path| !path.starts_with("src/bin")) {
        let inner = path.strip_prefix("src").expect("inside").with_extension("");
        let mut module: Names = inner.iter().map(|part| part.to_string_lossy().into()).collect();
        module.pop_if(|last| last == "mod");
        files.insert(module, Paths::of(&code(&fs::read_to_string(path).expect("text"))));
    }
    let mut imports: BTreeMap<&Names, BTreeSet<Names>> = BTreeMap::new();
    for (module, paths) in &files {
        let uses = paths.uses.iter().map(|(public, path)| (*public, path));
        for (public, path) in uses.chain(paths.others.iter().map(|path| (false, path))) {
            let from_root = from_root(&files, module, path);
            let Some(home) = from_root.and_then(|path| home(&files, &path)) else { continue };
            // Modules hand on what is in their folder.
            if home != *module && !(public && home.starts_with(module)) {
                imports.entry(module).or_default().insert(home);
            }
        }
    }
    let count: usize = imports.values().map(BTreeSet::len).sum();
    assert!(count > 1_000, "only {count} imports were found");
    // What imports nothing that is left, or is imported by nothing, is in no circle.
    let mut before = usize::MAX;
    while imports.len() < before {
        before = imports.len();
        let left: BTreeSet<Names> = imports.keys().copied().cloned().collect();
        imports.values_mut().for_each(|homes| homes.retain(|home| left.contains(home)));
        let imported: BTreeSet<Names> = imports.values().flatten().cloned().collect();
        imports.retain(|module, homes| imported.contains(*module) && !homes.is_empty());
    }
    assert!(imports.is_empty(), "these files import from each other: {imports:#?}");
}

/// The other folders that a script imports from, at once or later. What its comments import are types.
fn folders(script: &str) -> Vec<&str> {
    let code = script.split("/**").map(|part| part.split_once("*/").map_or(part, |(_, code)| code));
    let paths = code.flat_map(|code| code.split("\"../").skip(1));
    paths.filter_map(|path| Some(path.split_once('/')?.0)).collect()
}

#[test]
fn folders_of_the_page_import_only_from_those_below_them() {
    let section = section("The page");
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("/` |"));
    let table: HashMap<&str, usize> = rows.enumerate().map(|(at, (name, _))| (name, at)).collect();
    let (mut count, mut wrong) = (0, Vec::new());
    for entry in WalkDir::new("www").min_depth(2).max_depth(2).sort_by_file_name() {
        let path = entry.expect("a listed file").into_path();
        if path.extension().is_none_or(|end| end != "js") {
            continue;
        }
        let folder = path.iter().nth(1).expect("a folder").to_string_lossy();
        let at = *table.get(&*folder).unwrap_or_else(|| panic!("{folder}/ is not in the table"));
        for other in folders(&fs::read_to_string(&path).expect("text")) {
            let Some(&below) = table.get(other) else { continue };
            count += 1;
            if below <= at {
                wrong.push(format!("{} imports from {other}/", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "against the table of docs/architecture.md:\n{}", wrong.join("\n"));
    assert!(count > 200, "only {count} imports were found");
}

#[test]
fn types_are_no_imports_of_scripts() {
    let script = "/** @type {import(\"../a/a.js\").A} */\n\
                  import {\n  b,\n} from \"../b/b.js\";\n\
                  import { c } from \"./c.js\";\n\
                  /** @param {typeof import(\"../d/d.js\")} d */ (d) => import(\"../e/e.js\");";
    assert_eq!(folders(script), ["b", "e"]);
}

#[test]
fn tests_and_comments_are_no_imports() {
    let lines = [
        "//! [`crate::a`]",
        "use crate::b_2::B;",
        "    // crate::c",
        "#[cfg(test)]",
        "mod tests {",
        "    use crate::d;",
        "}",
        "fn f() -> crate::e::E {}",
        "#[cfg(all(test, unix))]",
        "mod x;",
        "use crate::g;",
        "#[cfg(test)]",
        "use crate::h::{",
        "    X, Y,",
        "};",
        "use crate::i;",
        "fn f() {",
        "}",
    ];
    let text = lines.join("\n");
    let found: Vec<&str> =
        code(&text).into_iter().flat_map(|line| names(line, "crate::")).collect();
    assert_eq!(found, ["b_2", "e", "g", "i"]);
}
