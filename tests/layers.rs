//! The layers in docs/architecture.md: a module imports only from the lines below its own.
#![cfg(not(target_family = "wasm"))]

use std::collections::HashMap;
use std::fs;

use walkdir::WalkDir;

/// The line of each module in the diagram.
fn diagram() -> HashMap<String, usize> {
    let page = fs::read_to_string("docs/architecture.md").expect("there");
    let (_, section) = page.split_once("\n## Layers\n").expect("a section on layers");
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

/// What follows each of these paths, up to the end of the name.
fn names<'a>(line: &'a str, path: &'a str) -> impl Iterator<Item = &'a str> {
    let is_end = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    line.split(path).skip(1).map(move |rest| rest.split(is_end).next().unwrap_or(rest))
}

#[test]
fn modules_import_only_from_the_lines_below_their_own() {
    let diagram = diagram();
    let (mut count, mut wrong) = (0, Vec::new());
    for entry in WalkDir::new("src").sort_by_file_name() {
        let path = entry.expect("a listed file").into_path();
        if path.extension().is_none_or(|end| end != "rs") || path.ends_with("src/lib.rs") {
            continue;
        }
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
