//! The README.md of a published model: YAML for the hub, Markdown for people.

use std::fmt::Write;

use serde_json::json;

use crate::cli::classes::trained;
use crate::cli::facts::{self, Row};
use crate::cli::shell::quoted;
use crate::model_file::{Card, Class, Quality};
use crate::sample::Settings;
use crate::words::count;

/// The licenses that the hub knows by these names, but for families of licenses and those of single
/// models; others are named beside `other`. Source:
/// <https://huggingface.co/docs/hub/repositories-licenses>.
const LICENSES: [&str; 50] = [
    "afl-3.0",
    "agpl-3.0",
    "apache-2.0",
    "artistic-2.0",
    "bsd-2-clause",
    "bsd-3-clause",
    "bsd-3-clause-clear",
    "bsl-1.0",
    "c-uda",
    "cc-by-2.0",
    "cc-by-2.5",
    "cc-by-3.0",
    "cc-by-4.0",
    "cc-by-nc-2.0",
    "cc-by-nc-3.0",
    "cc-by-nc-4.0",
    "cc-by-nc-nd-3.0",
    "cc-by-nc-nd-4.0",
    "cc-by-nc-sa-2.0",
    "cc-by-nc-sa-3.0",
    "cc-by-nc-sa-4.0",
    "cc-by-nd-4.0",
    "cc-by-sa-3.0",
    "cc-by-sa-4.0",
    "cc0-1.0",
    "cdla-permissive-1.0",
    "cdla-permissive-2.0",
    "cdla-sharing-1.0",
    "ecl-2.0",
    "epl-1.0",
    "epl-2.0",
    "etalab-2.0",
    "eupl-1.1",
    "gfdl",
    "gpl-2.0",
    "gpl-3.0",
    "isc",
    "lgpl-2.1",
    "lgpl-3.0",
    "mit",
    "mpl-2.0",
    "ncsa",
    "odbl",
    "odc-by",
    "ofl-1.1",
    "osl-3.0",
    "pddl",
    "unlicense",
    "wtfpl",
    "zlib",
];

/// The whole text. `repository` is where it will be published; the samples beside it are `n` of
/// this seed.
pub(super) fn readme(card: &Card, repository: Option<&str>, n: usize, seed: u64) -> String {
    let address = format!("hf:{}", repository.unwrap_or("USER/NAME"));
    [metadata(card), introduction(card, n, seed), usage(card, &address), details(card)].join("\n")
}

/// YAML between lines of dashes. Values are JSON, which every reader of YAML understands, so that
/// no name can be mistaken for syntax.
fn metadata(card: &Card) -> String {
    let mut lines = vec!["---".to_owned(), "library_name: ncsn".into()];
    lines.push("pipeline_tag: unconditional-image-generation".into());
    lines.extend(license(&card.license));
    lines.push("tags:".into());
    for tag in ["ncsn", "score-based", "diffusion", "webgpu", "safetensors"] {
        lines.push(format!("- {tag}"));
    }
    if let Some(quality) = &card.quality {
        lines.extend(results(card, quality));
    }
    lines.push("---".into());
    lines.join("\n") + "\n"
}

fn license(name: &str) -> Vec<String> {
    let known = name.trim().to_lowercase();
    match known.as_str() {
        "" | "unknown" => vec!["license: unknown".into()],
        known if LICENSES.contains(&known) => vec![format!("license: {known}")],
        _ => vec!["license: other".into(), format!("license_name: {}", json!(name.trim()))],
    }
}

/// The figures of quality, as the hub lists them.
fn results(card: &Card, quality: &Quality) -> Vec<String> {
    let data = card.training.as_ref().map_or("unknown", |training| &training.data);
    let metrics = [
        ("frechet-distance", "Fréchet distance", quality.frechet),
        ("precision", "Precision", quality.precision),
        ("recall", "Recall", quality.recall),
    ];
    let metrics: Vec<_> = metrics
        .iter()
        .map(|(kind, name, value)| json!({ "type": kind, "name": name, "value": value }))
        .collect();
    let result = json!({
        "task": { "type": "unconditional-image-generation" },
        "dataset": { "name": data, "type": data },
        "metrics": metrics,
    });
    let name = json!(card.name);
    vec![
        "model-index:".into(),
        format!("- name: {name}"),
        format!("  results: {}", json!([result])),
    ]
}

fn introduction(card: &Card, n: usize, seed: u64) -> String {
    let shape = card.architecture.image_shape();
    let best = card.best.unwrap_or(card.sampler);
    let kind = match card.is_few_step() {
        true => "A few-step model, which turns noise into an image in one to four evaluations,",
        false => "A noise-conditional score network (NCSN)",
    };
    format!(
        "# {}\n\n{kind} for images of {} × {} {} pixels, with {}. It \
         samples natively and in the browser, by WebGPU where there is one.\n\n\
         ![{}](samples.png)\n\n{}, seed {seed}, not selected; {}.\n",
        text(&card.name),
        shape.width,
        shape.height,
        if shape.channels == 1 { "gray" } else { "colored" },
        count(card.architecture.parameters(), "parameter"),
        count(n, "sample"),
        count(n, "sample"),
        sampler(&best, card),
    )
}

/// A sampler in words.
fn sampler(settings: &Settings, card: &Card) -> String {
    format!("sampler `{}`, {}", settings.sampler.name(), facts::evaluations(settings, card))
}

fn usage(card: &Card, address: &str) -> String {
    let class = plain_class(trained(card).map(|(_, class)| class));
    let class = class.map(|name| format!(" --class {}", quoted(name))).unwrap_or_default();
    // The settings of the grid of samples.
    let best = if card.best.is_some() { " --best" } else { "" };
    format!(
        "## Use\n\n```sh\nncsn sample --model {address}{best}{class} -n 64 --out samples.png\n```\n\n\
         In a page, with the npm package:\n\n```js\nimport {{ loadModel }} from \"ncsn\";\n\n\
         const model = await loadModel(\"{address}\");\n\
         for await (const frame of model.sample({{ count: 16, seed: 1 }})) {{\n  \
         frame.draw(document.querySelector(\"canvas\"));\n}}\n```\n"
    )
}

/// The first class whose name cannot end a block of code: names may come from a stranger's file.
fn plain_class<'a>(classes: impl Iterator<Item = &'a Class>) -> Option<&'a str> {
    let mut names = classes.map(|class| &class.name[..]);
    names.find(|name| !name.contains(['\n', '\r', '`']))
}

fn details(card: &Card) -> String {
    let mut out = String::from("## Training\n\n");
    if let Some(training) = &card.training {
        out += &table(&facts::trained(training, card.architecture.guidance_max()));
    }
    if let Some(imported) = &card.imported {
        let _ = writeln!(out, "Imported from {}.", text(imported));
    }
    // It cannot be asked for the others.
    let names: Vec<_> = trained(card).map(|(_, class)| text(&class.name)).collect();
    if !names.is_empty() {
        let _ = writeln!(out, "\n## Classes\n\n{}", names.join(", "));
    }
    if let Some(quality) = &card.quality {
        let _ = writeln!(out, "\n## Quality\n\n{}", table(&facts::judged(quality)));
        out += "Measured by `ncsn eval` against held-out images, and beside the figure of as many \
                training images. Distances are comparable in the same features only.\n";
    }
    out
}

fn table(rows: &[Row]) -> String {
    let rows = rows.iter().map(|(name, value)| format!("| {name} | {} |", text(value)));
    let rows: Vec<_> = rows.collect();
    format!("| | |\n|---|---|\n{}\n", rows.join("\n"))
}

/// Text from a card as Markdown shows it: it may come from a stranger's file.
fn text(text: &str) -> String {
    let mut out = String::new();
    for character in text.split_whitespace().collect::<Vec<_>>().join(" ").chars() {
        if "\\`*_[]<>|#&".contains(character) {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::train::test_model::model;

    #[test]
    fn licenses_have_the_hubs_names() {
        assert_eq!(license("MIT"), ["license: mit"]);
        assert_eq!(license("Apache-2.0"), ["license: apache-2.0"]);
        assert_eq!(license("OFL-1.1"), ["license: ofl-1.1"]);
        assert_eq!(license("unknown"), ["license: unknown"]);
        let other = license("see the \"MNIST\" page: here");
        assert_eq!(other, ["license: other", r#"license_name: "see the \"MNIST\" page: here""#]);
    }

    #[test]
    fn a_model_for_few_evaluations_is_no_score_network() {
        for few_step in [false, true] {
            let said = introduction(&model(few_step).card, 1, 1);
            assert_eq!(said.contains("in one to four evaluations"), few_step, "{said}");
            assert_eq!(said.contains("\n\nA noise-conditional score network"), !few_step, "{said}");
        }
    }

    #[test]
    fn names_are_no_syntax() {
        assert_eq!(text("a|b\n# <c>"), r"a\|b \# \<c\>");
        let class = |name: &str| Class { name: name.into(), images: 1 };
        let classes = [class("a\n```\n"), class("b c")];
        assert_eq!(plain_class(classes.iter()), Some("b c"));
    }
}
