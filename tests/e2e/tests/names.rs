//! The page and the npm package take the same names as the programs do: of a hub's models
//! (`tests/hub_names.json`), and of classes (`tests/class_names.json`), by which all are tested.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use e2e::{
    browser::with_browser,
    server::{Mount, Server},
};
use serde_json::{Value, json};

/// Answers the address of each name, or `null` if it is refused.
const ADDRESSES: &str = r#"
const [names, answer] = arguments;
const address = (hubFile) => (name) => {
  try {
    return hubFile(name, "https://hub").url;
  } catch {
    return null;
  }
};
import("./hub.js").then(
  ({ hubFile }) => answer(names.map(address(hubFile))),
  (error) => answer(String(error)),
);
"#;

/// Answers the number of each class that is asked for, or `null` if it is refused.
const NUMBERS: &str = r#"
const [cases, answer] = arguments;
const numbers = (classNumbers) => ({ names, images, asked }) => {
  const classes = names.map((name, at) => ({ name, images: images ? images[at] : 1 }));
  return asked.map((wanted) => {
    try {
      return classNumbers(wanted, { name: "m", classes })[0];
    } catch {
      return null;
    }
  });
};
import("./classes.js").then(
  ({ classNumbers }) => answer(cases.map(numbers(classNumbers))),
  (error) => answer(String(error)),
);
"#;

#[tokio::test]
async fn names_of_a_hubs_models_are_those_of_the_programs() -> Result<()> {
    let cases = fs::read_to_string("../hub_names.json").context("no list of names")?;
    let cases: Value = serde_json::from_str(&cases)?;
    let list = |kind: &str| cases[kind].as_array().context("no such list");
    let text = |value: &Value| value.as_str().map(str::to_owned).context("no text");
    let mut names = Vec::new();
    let mut expected = Vec::new();
    for case in list("accepted")? {
        let [name, repository, path, revision] =
            ["name", "repository", "path", "revision"].map(|part| text(&case[part]));
        // What stands between two slashes of the address is one part of it.
        let revision = revision?.replace('/', "%2F");
        names.push(name?);
        expected.push(json!(format!("https://hub/{}/resolve/{revision}/{}", repository?, path?)));
    }
    for name in list("refused")? {
        names.push(text(name)?);
        expected.push(Value::Null);
    }

    let www = Mount { path: "", folder: Path::new("../../www").into() };
    let server = Server::start_mounted(vec![www])?;
    with_browser(async |browser| {
        // Any document of this origin can import the module.
        browser.client.goto(&server.url("model/hub.js")).await?;
        let found = browser.client.execute_async(ADDRESSES, vec![json!(names)]).await?;
        let found = found.as_array().with_context(|| format!("the module: {found}"))?;
        for ((name, expected), found) in names.iter().zip(&expected).zip(found) {
            ensure!(found == expected, "{name:?} is {found} instead of {expected}");
        }
        ensure!(found.len() == expected.len(), "{} of {} names", found.len(), expected.len());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn names_of_classes_are_those_of_the_programs() -> Result<()> {
    let cases = fs::read_to_string("../class_names.json").context("no list of names")?;
    let mut cases: Value = serde_json::from_str(&cases)?;
    let mut expected = Vec::new();
    for case in cases.as_array_mut().context("no list")? {
        let found = case["found"].as_object().context("no numbers")?;
        let refused = case["refused"].as_array().context("no list")?;
        let numbers = found.values().cloned().chain(refused.iter().map(|_| Value::Null));
        expected.push(numbers.collect::<Value>());
        let asked: Value = found.keys().map(|text| json!(text)).chain(refused.clone()).collect();
        case["asked"] = asked;
    }

    let npm = Mount { path: "", folder: Path::new("../../npm").into() };
    let server = Server::start_mounted(vec![npm])?;
    with_browser(async |browser| {
        browser.client.goto(&server.url("classes.js")).await?;
        let found = browser.client.execute_async(NUMBERS, vec![cases.clone()]).await?;
        let found = found.as_array().with_context(|| format!("the module: {found}"))?;
        for (case, (expected, found)) in
            cases.as_array().context("no list")?.iter().zip(expected.iter().zip(found))
        {
            ensure!(found == expected, "{found} instead of {expected}: {case}");
        }
        ensure!(found.len() == expected.len(), "{} of {} cases", found.len(), expected.len());
        Ok(())
    })
    .await
}
