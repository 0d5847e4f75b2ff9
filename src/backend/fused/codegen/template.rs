//! Expands `kernels/*.wgsl` into the shader text of one layer.
//!
//! A plan fixes all shapes, so a kernel's loops over registers are unrolled in its text: shader
//! compilers need not find out that an array fits into registers. The directives:
//!
//! | in the text | what it becomes |
//! |---|---|
//! | `$for p in PIXELS` … `$end` | the body, for p = 0, 1, … |
//! | `$if SILU` … `$else` … `$end` | one of the two; a name without a value counts as 0 |
//! | `$p` | the value of a loop's variable, always a single letter |
//! | `$[$p * STRIDE_0 + 1]` | the value of a sum of products |

use std::collections::BTreeMap;
use std::fmt::Write;

/// The values of the names in a template.
#[derive(Clone, Debug, Default)]
pub struct Values {
    /// Sizes, which are also constants of the shader.
    sizes: BTreeMap<String, usize>,
    /// Choices that only the template needs to know.
    flags: BTreeMap<String, usize>,
    /// Further constants of the shader.
    floats: Vec<(&'static str, f32)>,
}

impl Values {
    /// A size: a name for the template and a `u32` constant of the shader.
    pub fn size(&mut self, name: impl Into<String>, value: usize) {
        self.sizes.insert(name.into(), value);
    }

    /// A choice that only the template makes.
    pub fn flag(&mut self, name: impl Into<String>, value: bool) {
        self.flags.insert(name.into(), usize::from(value));
    }

    /// An `f32` constant of the shader.
    pub fn float(&mut self, name: &'static str, value: f32) {
        self.floats.push((name, value));
    }

    fn get(&self, name: &str) -> usize {
        self.sizes.get(name).or_else(|| self.flags.get(name)).copied().unwrap_or(0)
    }

    /// The constants' declarations.
    pub fn constants(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.sizes {
            let _ = writeln!(text, "const {name} = {value}u;");
        }
        for (name, value) in &self.floats {
            // Without the suffix, a large number would be an integer that WGSL does not have.
            let _ = writeln!(text, "const {name}: f32 = {value}f;");
        }
        text
    }

    /// Expands a template.
    pub fn expand(&self, template: &str) -> String {
        let mut out = String::new();
        Expander { rest: template, values: self, variables: Vec::new() }.block(&mut out, true);
        out
    }
}

struct Expander<'a> {
    rest: &'a str,
    values: &'a Values,
    variables: Vec<(char, usize)>,
}

/// What ended a block.
#[derive(PartialEq)]
enum Stop {
    Else,
    End,
}

impl Expander<'_> {
    /// Copies the text up to the block's end; `live` is false in a branch that is left out.
    fn block(&mut self, out: &mut String, live: bool) -> Stop {
        while let Some((before, after)) = self.rest.split_once('$') {
            if live {
                out.push_str(before);
            }
            self.rest = after;
            if self.skip("end") {
                return Stop::End;
            } else if self.skip("else") {
                return Stop::Else;
            } else if self.skip("for ") {
                let variable = self.letter().unwrap_or_default();
                self.skip(" in ");
                let count = if live { self.values.get(&self.word()) } else { 0 };
                let body = self.rest;
                for value in 0..count {
                    self.rest = body;
                    self.variables.push((variable, value));
                    self.block(out, true);
                    self.variables.pop();
                }
                if count == 0 {
                    self.block(out, false);
                }
            } else if self.skip("if ") {
                let name = self.word();
                let chosen = live && self.values.get(&name) != 0;
                if self.block(out, chosen) == Stop::Else {
                    self.block(out, live && !chosen);
                }
            } else {
                let value = self.value();
                if live {
                    push(out, value);
                }
            }
        }
        if live {
            out.push_str(self.rest);
        }
        self.rest = "";
        Stop::End
    }

    fn skip(&mut self, text: &str) -> bool {
        let after = self.rest.strip_prefix(text);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn letter(&mut self) -> Option<char> {
        let mut letters = self.rest.chars();
        let letter = letters.next();
        self.rest = letters.as_str();
        letter
    }

    /// Reads a name up to the next space, with variables replaced.
    fn word(&mut self) -> String {
        let mut word = String::new();
        while !self.rest.starts_with([' ', '\n'])
            && let Some(letter) = self.letter()
        {
            match letter {
                '$' => push(&mut word, self.value()),
                _ => word.push(letter),
            }
        }
        word
    }

    /// The value of `p` or `[…]`, after the `$`.
    fn value(&mut self) -> usize {
        if !self.skip("[") {
            let name = self.letter();
            let found = self.variables.iter().rev().find(|(variable, _)| Some(*variable) == name);
            return found.map_or(0, |&(_, value)| value);
        }
        let mut sum = String::new();
        while let Some(letter) = self.letter().filter(|&letter| letter != ']') {
            match letter {
                '$' => push(&mut sum, self.value()),
                _ => sum.push(letter),
            }
        }
        let factor = |text: &str| match text.trim() {
            number if number.starts_with(|c: char| c.is_ascii_digit()) => {
                number.parse().unwrap_or(0)
            }
            name => self.values.get(name),
        };
        sum.split('+').map(|p| p.split('*').map(factor).product::<usize>()).sum()
    }
}

fn push(out: &mut String, value: usize) {
    let _ = write!(out, "{value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WGSL reads digits with the suffix `f` as an f32, with a point among them or without; not so
    /// leading zeros, a point without digits on both sides, or integers beyond 64 bits.
    #[test]
    fn every_finite_constant_is_a_literal_of_its_value() {
        let all = [0.0, 1.0, -0.5, 0.1, 1e19, -1e19, 1e-30, f32::MAX, f32::MIN_POSITIVE];
        for value in all {
            let mut values = Values::default();
            values.float("X", value);
            let text = values.constants();
            let literal = text.strip_prefix("const X: f32 = ").expect("a declaration");
            let number = literal.strip_suffix("f;\n").expect("a literal of an f32");
            assert_eq!(number.parse::<f32>(), Ok(value), "{text}");
            let digits = number.strip_prefix('-').unwrap_or(number);
            let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
            for part in [whole, fraction] {
                assert!(!part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()), "{text}");
            }
            assert!(whole == "0" || !whole.starts_with('0'), "{text}");
        }
    }

    #[test]
    fn directives_nest() {
        let mut values = Values::default();
        values.size("N", 2);
        values.size("STRIDE_1", 3);
        values.flag("FLAG_1", true);
        let expand = |template| values.expand(template);
        assert_eq!(expand("$for p in N\na$p;$end"), "\na0;\na1;");
        assert_eq!(expand("$if N yes $else no $end."), " yes .");
        assert_eq!(expand("$if M yes $else no $end."), " no .");
        assert_eq!(expand("$for t in N $if FLAG_$t x$[$t * STRIDE_$t + 1]$end$end"), "   x4");
        assert_eq!(expand("$if M $for p in N $if N x $end $end $end!"), "!");
    }
}
