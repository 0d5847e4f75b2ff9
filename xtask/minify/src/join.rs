//! Joins a script with everything that it imports: one request instead of a dozen in two rounds,
//! and a single text to compress.
//!
//! This is not a bundler. It concatenates the texts of modules, which is right as long as modules
//! export things where they are declared and import them by name, and no name at the top of one
//! means anything in another. Whatever it cannot be sure of is an error. A module that is imported
//! dynamically stays a file, and so must not import anything that was joined.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use oxc::{
    allocator::Allocator,
    ast::ast::{ImportDeclaration, ImportDeclarationSpecifier, Statement},
    parser::Parser,
    semantic::SemanticBuilder,
    span::{GetSpan, SourceType},
};

use crate::{read_text, script};

/// The joined text of a module and everything that it imports.
pub fn joined(entry: &Path) -> Result<String> {
    let mut modules = Modules::default();
    modules.add(entry.to_path_buf())?;
    for path in &modules.later {
        let inside = script::imports(&read_text(path)?)?;
        ensure!(inside.is_empty(), "{} imports {inside:?} anew", path.display());
    }
    for (name, path) in &modules.globals {
        ensure!(
            !modules.tops.contains(name),
            "{}: `{name}` is a global here and declared at the top of another module",
            path.display()
        );
    }
    Ok(modules.text)
}

#[derive(Default)]
struct Modules {
    seen: BTreeSet<PathBuf>,
    text: String,
    /// The names declared at the top of modules.
    tops: BTreeSet<String>,
    /// The names that a module uses but does not declare.
    globals: Vec<(String, PathBuf)>,
    /// The modules that are imported dynamically.
    later: Vec<PathBuf>,
}

impl Modules {
    /// Adds a module after those that it imports.
    fn add(&mut self, path: PathBuf) -> Result<()> {
        if !self.seen.insert(path.clone()) {
            return Ok(());
        }
        let text = read_text(&path)?;
        self.add_text(&path, &text).with_context(|| format!("in {}", path.display()))
    }

    fn add_text(&mut self, path: &Path, text: &str) -> Result<()> {
        let allocator = Allocator::default();
        let parsed = Parser::new(&allocator, text, SourceType::mjs()).parse();
        if let Some(error) = parsed.diagnostics.first() {
            bail!("{error}");
        }
        let mut own = String::new();
        let mut imported = BTreeSet::new();
        for statement in &parsed.program.body {
            let kept = match statement {
                Statement::ImportDeclaration(import) => {
                    imported.extend(names(import)?);
                    let file = path.with_file_name(import.source.value.as_str());
                    self.add(file.components().collect())?;
                    continue;
                }
                Statement::ExportDeclaration(export) => export.declaration.span(),
                Statement::ExportNamedDeclaration(_)
                | Statement::ExportDefaultDeclaration(_)
                | Statement::ExportFromDeclaration(_)
                | Statement::ExportAllDeclaration(_) => {
                    bail!("export what is declared, where it is declared");
                }
                other => other.span(),
            };
            own.push_str(kept.source_text(text));
            own.push('\n');
        }
        for import in &parsed.module_record.dynamic_imports {
            let address = import.module_request.source_text(text).trim_matches(['"', '\'']);
            if address.starts_with("./") {
                self.later.push(path.with_file_name(address).components().collect());
            }
        }
        let built = SemanticBuilder::new().with_check_syntax_error(true).build(&parsed.program);
        if let Some(error) = built.diagnostics.first() {
            bail!("{error}");
        }
        let scoping = built.semantic.scoping();
        for name in scoping.get_bindings(scoping.root_scope_id()).keys() {
            let name = name.to_string();
            if !imported.contains(&name) && self.tops.contains(&name) {
                bail!("`{name}` is declared at the top of another module too");
            }
            self.tops.insert(name);
        }
        let globals = scoping.root_unresolved_references().keys();
        self.globals.extend(globals.map(|name| (name.to_string(), path.to_path_buf())));
        self.text.push_str(&own);
        Ok(())
    }
}

/// The names that a module imports from another, which must not be renamed.
fn names(import: &ImportDeclaration<'_>) -> Result<Vec<String>> {
    let name = |specifier: &ImportDeclarationSpecifier<'_>| match specifier {
        ImportDeclarationSpecifier::ImportSpecifier(one)
            if one.imported.name() == one.local.name =>
        {
            Ok(one.local.name.to_string())
        }
        _ => bail!("import by the names that things have"),
    };
    import.specifiers.iter().flatten().map(name).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Joins modules with these names and texts, the first of which imports the others.
    fn join(modules: &[(&str, &str)]) -> Result<String> {
        let folder = tempfile::tempdir()?;
        for (name, text) in modules {
            fs::write(folder.path().join(name), text)?;
        }
        joined(&folder.path().join(modules[0].0))
    }

    const LEAF: (&str, &str) = ("leaf.js", "export const leaf = 1;");

    #[test]
    fn modules_come_once_and_after_what_they_import() {
        let text = join(&[
            ("main.js", "import { a } from './a.js'; import { leaf } from './leaf.js'; a(leaf);"),
            (
                "a.js",
                "import { leaf } from \"./leaf.js\"; export function a(x) { return x + leaf; }",
            ),
            LEAF,
        ]);
        let expected = "const leaf = 1;\nfunction a(x) { return x + leaf; }\na(leaf);\n";
        assert_eq!(text.expect("plain modules"), expected);
    }

    #[test]
    fn what_could_come_out_wrong_is_refused() {
        let refused = |main: &str, word: &str| {
            let error = format!("{:#}", join(&[("main.js", main), LEAF]).expect_err(main));
            assert!(error.contains(word), "{error}");
        };
        refused("import { leaf } from './leaf.js'; const leaf = 2;", "leaf");
        refused("import './leaf.js'; const leaf = 2;", "another module too");
        refused("import './leaf.js'; console.log(leaf);", "global");
        refused("import { leaf as other } from './leaf.js';", "by the names");
        refused("import * as all from './leaf.js';", "by the names");
        refused("import other from './leaf.js';", "by the names");
        refused("export { leaf } from './leaf.js';", "where it is declared");
        refused("const a = 1; export { a };", "where it is declared");
        refused("export default 1;", "where it is declared");
        refused("import { a } from './none.js';", "cannot read");
        refused("import('./main.js'); import './leaf.js';", "anew");
    }
}
