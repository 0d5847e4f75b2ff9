//! Minifies scripts.

use anyhow::{Result, bail};
use oxc::{
    allocator::Allocator,
    codegen::{Codegen, CodegenOptions},
    minifier::{CompressOptions, MangleOptions, Minifier, MinifierOptions},
    parser::Parser,
    span::SourceType,
};

/// A module with short names, and without comments and whitespace.
pub fn minified(text: &str) -> Result<String> {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, text, SourceType::mjs()).parse();
    if let Some(error) = parsed.diagnostics.first() {
        bail!("{error}");
    }
    let mut program = parsed.program;
    let options = MinifierOptions {
        // Nobody else sees the names at the top of a module.
        mangle: Some(MangleOptions { top_level: Some(true), ..MangleOptions::default() }),
        mangle_properties: None,
        compress: Some(CompressOptions::smallest()),
    };
    let minified = Minifier::new(options).minify(&allocator, &mut program);
    let code = Codegen::new()
        .with_options(CodegenOptions::minify())
        .with_scoping(minified.scoping)
        .with_private_member_mappings(minified.class_private_mappings)
        .build(&program)
        .code;
    Ok(code)
}

/// The addresses that a module imports statically, in alphabetical order.
pub fn imports(text: &str) -> Result<Vec<String>> {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, text, SourceType::mjs()).parse();
    if let Some(error) = parsed.diagnostics.first() {
        bail!("{error}");
    }
    let mut found: Vec<_> =
        parsed.module_record.requested_modules.keys().map(ToString::to_string).collect();
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::{imports, minified};

    #[test]
    fn what_is_imported_only_when_it_is_wanted_is_no_import() {
        let text = "import './b.js'; import { a } from './a.js'; import('./c.js');";
        assert_eq!(imports(text).expect("a module"), ["./a.js", "./b.js"]);
    }

    #[test]
    fn only_what_others_see_keeps_its_name() {
        let text = "// Why.\nimport { a } from './other.js';\nconst factor = 2 * a();\n\
                    export class Twice { #secret = factor; times(number) { return number * this.#secret; } }\n";
        let short = minified(text).expect("a module");
        for kept in ["\"./other.js\"", "Twice", "times("] {
            assert!(short.contains(kept), "{kept} is not in {short}");
        }
        for gone in ["Why", "factor", "secret", "number", "\n\n"] {
            assert!(!short.contains(gone), "{gone} is in {short}");
        }
        assert!(minified("const = 1;").is_err());
    }
}
