//! Gives a wasm module's imports from its bindings short names, and drops the names of its own
//! functions.
//!
//! wasm-bindgen names each of several hundred imports like `__wbg_set_label_644bc1b32c7917b0`, once
//! in the wasm file and once in the script beside it, and hashes do not compress. Nothing else sees
//! these names. They were a twentieth of a visitor's download.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use wasm_encoder::{
    ImportSection, Module, RawSection,
    reencode::{Reencode, RoundtripReencoder},
};
use wasmparser::{Parser, Payload};

/// Returns a wasm file and its script with short names for what one imports from the other, and
/// without data for debuggers.
pub fn shortened(wasm: &[u8], script: &str) -> Result<(Vec<u8>, String)> {
    let mut module = Module::new();
    let mut names = BTreeMap::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        if let Payload::ImportSection(section) = payload {
            let mut imports = ImportSection::new();
            for import in section.into_imports() {
                let import = import?;
                let number = names.len();
                let name: &String = names.entry(import.name).or_insert_with(|| letters(number));
                imports.import(import.module, name, RoundtripReencoder.entity_type(import.ty)?);
            }
            module.section(&imports);
        } else if let Some((id, range)) = payload.as_section()
            // Custom sections tell debuggers names and build tools.
            && !matches!(payload, Payload::CustomSection(_))
        {
            let data = &wasm[range.start as usize..range.end as usize];
            module.section(&RawSection { id, data });
        }
    }
    Ok((module.finish(), replaced(script, &names)?))
}

/// Replaces words in a script, each of which must occur exactly once.
fn replaced(script: &str, names: &BTreeMap<&str, String>) -> Result<String> {
    let is_in_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    let (mut out, mut rest) = (String::with_capacity(script.len()), script);
    let mut found = 0;
    while !rest.is_empty() {
        let (word, after) = rest.split_at(rest.find(|c| !is_in_word(c)).unwrap_or(rest.len()));
        let (between, after) = after.split_at(after.find(is_in_word).unwrap_or(after.len()));
        let name = names.get(word);
        found += usize::from(name.is_some());
        out.push_str(name.map_or(word, String::as_str));
        out.push_str(between);
        rest = after;
    }
    let expected = names.len();
    ensure!(found == expected, "{found} words of the script are names of {expected} imports");
    Ok(out)
}

/// 0, 1, … as `aa`, `ab`, …, `az`, `ba`, …: names of equal length compress best.
fn letters(mut number: usize) -> String {
    let mut letters = Vec::new();
    loop {
        letters.insert(0, char::from(b'a' + (number % 26) as u8));
        number /= 26;
        if number == 0 && letters.len() > 1 {
            return letters.into_iter().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use wasm_encoder::{CustomSection, EntityType, Section, TypeSection};

    use super::*;

    fn module(names: &[&str]) -> Vec<u8> {
        let (mut types, mut imports) = (TypeSection::new(), ImportSection::new());
        types.ty().function([], []);
        for name in names {
            imports.import("./ncsn_bg.js", name, EntityType::Function(0));
        }
        let mut module = Module::new();
        module.section(&types).section(&imports);
        module.finish()
    }

    #[test]
    fn a_module_and_its_script_get_the_same_short_names() {
        let mut wasm = module(&["__wbg_set_1f", "__wbg_set_1f2e"]);
        let tools = CustomSection { name: "producers".into(), data: b"\0".into() };
        tools.append_to(&mut wasm);
        let script = "const i = { __wbg_set_1f2e: function() {}, __wbg_set_1f: function() {} };";
        let (short, script) = shortened(&wasm, script).expect("they belong together");
        assert_eq!(short, module(&["aa", "ab"]));
        assert_eq!(script, "const i = { ab: function() {}, aa: function() {} };");
    }

    #[test]
    fn a_script_that_lacks_an_import_or_has_it_twice_is_refused() {
        let wasm = module(&["__wbg_set_1f"]);
        assert!(shortened(&wasm, "const i = { __wbg_set_1f2e: 0 };").is_err());
        assert!(shortened(&wasm, "const i = { __wbg_set_1f: wasm.__wbg_set_1f };").is_err());
        assert!(shortened(&wasm[..wasm.len() - 1], "__wbg_set_1f").is_err());
    }

    #[test]
    fn no_two_numbers_have_the_same_letters() {
        let all: BTreeSet<String> = (0..2000).map(letters).collect();
        assert_eq!(all.len(), 2000);
        assert_eq!((letters(0), letters(26)), ("aa".into(), "ba".into()));
    }
}
