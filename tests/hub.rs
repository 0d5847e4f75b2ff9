//! Models by their address on the hub, from a local server that answers as the hub does.
#![cfg(unix)]

mod cli;
mod common;
mod onnx_file;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use ncsn::hub::Address;
use onnx_file::Axis;
use serde_json::Value;
use sha2::{Digest, Sha256};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const NEWER: &str = "89abcdef0123456789abcdef0123456789abcdef";

/// What a request asked for, and with which token.
type Requests = Arc<Mutex<Vec<(String, Option<String>)>>>;

/// A hub: the answer to each method and path.
struct Hub {
    endpoint: String,
    answers: Arc<Mutex<HashMap<String, Answer>>>,
    requests: Requests,
}

#[derive(Clone)]
struct Answer {
    /// The first line without its version, and the headers.
    head: String,
    body: Vec<u8>,
}

impl Hub {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
        let answers: Arc<Mutex<HashMap<String, Answer>>> = Arc::default();
        let requests = Requests::default();
        let (known, log) = (answers.clone(), requests.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(stream, &known, &log);
            }
        });
        Self { endpoint, answers, requests }
    }

    fn on(&self, request: &str, head: String, body: &[u8]) {
        let answer = Answer { head, body: body.to_vec() };
        self.answers.lock().expect("alive").insert(request.to_owned(), answer);
    }

    /// Has a file, as the hub has weights: described by the hub, and stored elsewhere.
    fn has(&self, path: &str, commit: &str, revisions: &[&str], contents: &[u8]) {
        let hash = sha256(contents);
        let store = format!("{}/store/{hash}?signature=x%2Fy", self.endpoint);
        for revision in revisions.iter().chain([&commit]) {
            let at = path.replace("REVISION", revision);
            let head = format!(
                "302 Found\r\nX-Repo-Commit: {commit}\r\nETag: \"abc\"\r\nX-Linked-ETag: \"{hash}\"\r\n\
                 X-Linked-Size: {}\r\nLocation: {store}",
                contents.len()
            );
            self.on(&format!("HEAD {at}"), head.clone(), b"");
            self.on(&format!("GET {at}"), head, b"");
        }
        self.on(&format!("GET /store/{hash}?signature=x%2Fy"), "200 OK".into(), contents);
    }

    fn count(&self) -> usize {
        self.requests.lock().expect("alive").len()
    }
}

fn serve(mut stream: TcpStream, known: &Mutex<HashMap<String, Answer>>, log: &Requests) {
    let mut lines = BufReader::new(stream.try_clone().expect("a socket")).lines();
    let Some(Ok(first)) = lines.next() else { return };
    let request = first.trim_end_matches(" HTTP/1.1").to_owned();
    let mut token = None;
    for line in lines.map_while(Result::ok).take_while(|line| !line.is_empty()) {
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("authorization")
        {
            token = Some(value.to_owned());
        }
    }
    log.lock().expect("alive").push((request.clone(), token));
    let missing =
        Answer { head: "404 Not Found\r\nX-Error-Code: EntryNotFound".into(), body: vec![] };
    let answer = known.lock().expect("alive").get(&request).cloned().unwrap_or(missing);
    let length = format!("Content-Length: {}", answer.body.len());
    let head = format!("HTTP/1.1 {}\r\n{length}\r\nConnection: close\r\n\r\n", answer.head);
    // The program may have gone.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&answer.body));
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A user with an empty cache.
struct User {
    folder: tempfile::TempDir,
    endpoint: String,
}

impl User {
    fn of(hub: &Hub) -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), endpoint: hub.endpoint.clone() }
    }

    fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        let mut command = cli::ncsn(self.folder.path(), arguments);
        for name in [
            "HF_HOME",
            "HF_HUB_CACHE",
            "HF_HUB_DISABLE_IMPLICIT_TOKEN",
            "HF_HUB_OFFLINE",
            "HF_TOKEN",
            "HF_TOKEN_PATH",
        ] {
            command.env_remove(name);
        }
        command.env("HF_ENDPOINT", &self.endpoint).env("no_proxy", "*");
        command.envs(environment.iter().copied()).output().expect("the program starts")
    }

    /// Exports a model.
    fn export(&self, model: &str, environment: &[(&str, &str)]) -> Output {
        self.run(&["export", "--onnx", "m.onnx", "--model", model], environment)
    }

    fn exports(&self, model: &str, environment: &[(&str, &str)]) {
        let output = self.export(model, environment);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn refusal(&self, model: &str, environment: &[(&str, &str)]) -> String {
        let output = self.export(model, environment);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8(output.stderr).expect("text")
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache/huggingface/hub/models--ada--digits")
    }
}

/// The page has the same names (`tests/e2e/tests/names.rs`).
#[test]
fn names_are_accepted_or_refused_as_on_the_page() {
    let cases = fs::read_to_string("tests/hub_names.json").expect("a list of names");
    let cases: Value = serde_json::from_str(&cases).expect("JSON");
    let list = |kind: &str| cases[kind].as_array().expect("a list").clone();
    for case in list("accepted") {
        let [name, repository, path, revision] =
            ["name", "repository", "path", "revision"].map(|part| case[part].as_str());
        let name = name.expect("a text");
        let address: Address = name.parse().expect("an address");
        let found = [&address.repository, &address.path, &address.revision];
        assert_eq!(found.map(|part| Some(&**part)), [repository, path, revision], "{name}");
        assert_eq!(address.to_string(), name);
    }
    for name in list("refused") {
        let name = name.as_str().expect("a text");
        let refused = name.parse::<Address>().expect_err(name).to_string();
        assert!(refused.starts_with(name), "{refused}");
    }
}

fn model() -> Vec<u8> {
    common::model().write().expect("finite")
}

#[test]
fn a_model_is_downloaded_once_into_the_hubs_own_cache() {
    let hub = Hub::start();
    let bytes = model();
    hub.has("/ada/digits/resolve/REVISION/model.safetensors", COMMIT, &["main"], &bytes);
    let user = User::of(&hub);
    user.exports("hf:ada/digits", &[("HF_TOKEN", "secret")]);

    let requests = hub.requests.lock().expect("alive").clone();
    let (kinds, tokens): (Vec<_>, Vec<_>) = requests.into_iter().unzip();
    assert_eq!(kinds.len(), 3, "{kinds:?}");
    assert!(kinds[1].contains(COMMIT), "the contents are those of a commit: {kinds:?}");
    let secret = Some("Bearer secret".to_owned());
    assert_eq!(tokens, [secret.clone(), secret, None], "no token for where the contents are");

    let (cache, hash) = (user.cache(), sha256(&bytes));
    assert_eq!(fs::read(cache.join("blobs").join(&hash)).expect("contents"), bytes);
    assert_eq!(fs::read_to_string(cache.join("refs/main")).expect("a commit"), COMMIT);
    let link = cache.join("snapshots").join(COMMIT).join("model.safetensors");
    assert_eq!(fs::read_link(&link).expect("a link"), Path::new("../../blobs").join(&hash));
    assert_eq!(fs::read_dir(cache.join("blobs")).expect("a folder").count(), 1);

    // Asked again, and found to be the same: nothing is written, as the cache may be read-only.
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 30);
    let reference = File::options().write(true).open(cache.join("refs/main")).expect("there");
    reference.set_modified(long_ago).expect("set");
    user.exports("hf:ada/digits", &[]);
    assert_eq!(hub.count(), 4);
    let metadata = fs::metadata(cache.join("refs/main")).expect("there");
    assert_eq!(metadata.modified().expect("known"), long_ago);
    // A commit cannot change, and nobody is asked without a network.
    user.exports(&format!("hf:ada/digits@{COMMIT}"), &[]);
    for yes in ["1", "on", "Yes", "TRUE"] {
        user.exports("hf:ada/digits", &[("HF_HUB_OFFLINE", yes)]);
    }
    assert_eq!(hub.count(), 4);
    for no in ["", "0", "off", "False"] {
        user.exports("hf:ada/digits", &[("HF_HUB_OFFLINE", no)]);
    }
    assert_eq!(hub.count(), 8);
    // A copy, as on file systems without links, is as good as a link while it is sound.
    for copied in [&bytes[..], b"damaged"] {
        fs::remove_file(&link).expect("there");
        fs::write(&link, copied).expect("written");
        user.exports("hf:ada/digits", &[]);
        assert_eq!(
            (fs::read(&link).expect("there"), link.is_symlink()),
            (bytes.clone(), copied != bytes)
        );
    }
    let gone = [("HF_ENDPOINT", "http://127.0.0.1:9")];
    user.exports("hf:ada/digits", &gone);
    let message = user.refusal("hf:ada/letters", &gone);
    assert!(message.contains("http://127.0.0.1:9/ada/letters/resolve/main/model.s"), "{message}");
}

/// What `hf auth login` stores opens private models, as it does for the hub's own tools.
#[test]
fn a_token_is_found_where_the_hubs_tools_have_it() {
    let hub = Hub::start();
    hub.has("/ada/digits/resolve/REVISION/model.safetensors", COMMIT, &["main"], &model());
    let user = User::of(&hub);
    let sends = |environment: &[(&str, &str)]| {
        user.exports("hf:ada/digits", environment);
        hub.requests.lock().expect("alive").last().expect("it has asked").1.clone()
    };
    assert_eq!(sends(&[]), None);
    let at = |name: &str| user.folder.path().join(name);
    fs::write(at("cache/huggingface/token"), "stored\n").expect("written");
    fs::write(at("elsewhere"), " other ").expect("written");
    for (environment, token) in [
        (&[("HF_TOKEN", "")][..], Some("Bearer stored")),
        (&[], Some("Bearer stored")),
        (&[("HF_TOKEN", "given")], Some("Bearer given")),
        (&[("HF_TOKEN_PATH", "elsewhere")], Some("Bearer other")),
        (&[("HF_TOKEN_PATH", "nowhere")], None),
        (&[("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")], None),
        (&[("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1"), ("HF_TOKEN", "given")], None),
    ] {
        assert_eq!(sends(environment).as_deref(), token, "{environment:?}");
    }
}

#[test]
fn revisions_files_and_new_names_lead_to_their_contents() {
    let hub = Hub::start();
    let first = model();
    hub.has(
        "/ada/digits/resolve/REVISION/small/m.safetensors",
        COMMIT,
        &["v1", "refs%2Fpr%2F1"],
        &first,
    );
    let user = User::of(&hub);
    for revision in ["v1", "refs/pr/1"] {
        user.exports(&format!("hf:ada/digits/small/m.safetensors@{revision}"), &[]);
        let reference = user.cache().join("refs").join(revision);
        assert_eq!(fs::read_to_string(reference).expect("a commit"), COMMIT);
    }
    let link = user.cache().join("snapshots").join(COMMIT).join("small/m.safetensors");
    assert_eq!(fs::read(link).expect("a link that leads somewhere"), first);

    // The branch moves on.
    let mut second = common::model();
    second.card.name = "newer".into();
    let second = second.write().expect("finite");
    hub.has("/ada/digits/resolve/REVISION/small/m.safetensors", NEWER, &["v1"], &second);
    user.exports("hf:ada/digits/small/m.safetensors@v1", &[]);
    let reference = user.cache().join("refs/v1");
    assert_eq!(fs::read_to_string(reference).expect("a commit"), NEWER);

    // The repository has another name by now.
    let (old, new) = ("/bob/digits/resolve", "/ada/digits/resolve");
    for (revision, commit) in [("v1", NEWER), (NEWER, NEWER)] {
        let at = |name: &str| format!("{name}/{revision}/small/m.safetensors");
        let head =
            format!("307 Temporary Redirect\r\nX-Repo-Commit: {commit}\r\nLocation: {}", at(new));
        hub.on(&format!("HEAD {}", at(old)), head.clone(), b"");
        hub.on(&format!("GET {}", at(old)), head, b"");
    }
    user.exports("hf:bob/digits/small/m.safetensors@v1", &[]);
}

#[test]
fn damaged_contents_are_downloaded_again_or_refused() {
    let hub = Hub::start();
    let bytes = model();
    hub.has("/ada/digits/resolve/REVISION/model.safetensors", COMMIT, &["main"], &bytes);
    let user = User::of(&hub);
    user.exports("hf:ada/digits", &[]);

    let blob = user.cache().join("blobs").join(sha256(&bytes));
    let mut damaged = bytes.clone();
    damaged[200] ^= 1;
    fs::write(&blob, &damaged).expect("written");
    let message = user.refusal("hf:ada/digits", &[("HF_HUB_OFFLINE", "1")]);
    assert!(message.contains("no sound copy") && message.contains("HF_HUB_OFFLINE"), "{message}");
    user.exports("hf:ada/digits", &[]);
    assert_eq!(fs::read(&blob).expect("there"), bytes);

    // The store has something else.
    fs::remove_file(&blob).expect("there");
    let store = format!("GET /store/{}?signature=x%2Fy", sha256(&bytes));
    hub.on(&store, "200 OK".into(), &damaged);
    let message = user.refusal("hf:ada/digits", &[]);
    assert!(message.contains(&sha256(&damaged)) && message.contains(&sha256(&bytes)), "{message}");
    assert_eq!(fs::read_dir(user.cache().join("blobs")).expect("a folder").count(), 0);
}

/// The cache is all tools': what is made of a model goes into the working directory, and no card
/// changes.
#[test]
fn nothing_is_written_beside_a_model_of_the_hub() {
    let hub = Hub::start();
    let bytes = model();
    hub.has("/ada/digits/resolve/REVISION/model.safetensors", COMMIT, &["main"], &bytes);
    let user = User::of(&hub);
    let at = |name: &str| user.folder.path().join(name);
    let output = user.run(&["card", "hf:ada/digits", "-n", "1"], &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read(at("digits.card/model.safetensors")).expect("copied"), bytes);

    for name in ["train", "t10k"] {
        let header = [0x803u32, 40, 8, 8].map(u32::to_be_bytes).concat();
        let pixels: Vec<u8> = (0..40 * 64u32).map(|at| (at * at % 251) as u8).collect();
        fs::create_dir_all(at("noise")).expect("created");
        let path = at(&format!("noise/{name}-images-idx3-ubyte"));
        fs::write(path, [header, pixels].concat()).expect("written");
    }
    let any = [Axis::Symbol("H"), Axis::Symbol("W")];
    let network = onnx_file::channel_means(Axis::Symbol("N"), any);
    fs::write(at("net.onnx"), network).expect("written");
    fs::write(at("net.json"), r#"{"size": [8, 8]}"#).expect("written");
    let eval = ["eval", "--model", "hf:ada/digits", "--data", "noise", "--features", "net.onnx"];
    let quick = ["-n", "20", "--sampler", "ancestral", "--levels", "3", "--engine", "burn"];
    let output = user.run(&[&eval[..], &quick].concat(), &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(at("digits.eval/report.json").is_file());

    let output = user.run(&["mean", "--model", "hf:ada/digits", "--data", "noise"], &[]);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("cannot be changed"), "{message}");
    let snapshot = user.cache().join("snapshots").join(COMMIT);
    assert_eq!(fs::read_dir(&snapshot).expect("a folder").count(), 1);
    assert_eq!(fs::read(snapshot.join("model.safetensors")).expect("a link"), bytes);
}

#[test]
fn what_the_hub_refuses_is_said_with_its_address() {
    let hub = Hub::start();
    let user = User::of(&hub);
    let at = "/ada/digits/resolve/main/model.safetensors";
    for (head, words) in [
        ("404 Not Found\r\nX-Error-Code: EntryNotFound", "no such file"),
        ("404 Not Found\r\nX-Error-Code: RevisionNotFound", "no such revision"),
        ("401 Unauthorized\r\nX-Error-Code: RepoNotFound", "HF_TOKEN"),
        ("403 Forbidden\r\nX-Error-Code: GatedRepo", "conditions"),
        ("503 Service Unavailable", "503"),
        ("200 OK", "does not answer as the hub"),
        ("200 OK\r\nX-Repo-Commit: ../../x\r\nETag: \"a\"", "names no commit"),
        ("200 OK\r\nX-Repo-Commit: \r\nETag: \"a\"", "names no commit"),
        ("200 OK\r\nX-Repo-Commit: 0123\r\nETag: \"../x\"", "names no hash"),
        (
            "307 Temporary Redirect\r\nLocation: /ada/digits/resolve/main/model.safetensors",
            "circles",
        ),
        (
            "302 Found\r\nX-Repo-Commit: 01\r\nX-Linked-ETag: \"ab\"\r\nX-Linked-Size: 999999999999",
            "bytes",
        ),
    ] {
        hub.on(&format!("HEAD {at}"), head.into(), b"");
        let message = user.refusal("hf:ada/digits", &[]);
        assert!(message.contains(words) && message.contains(at), "{head}: {message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
    let message = user.refusal("hf:digits", &[]);
    assert!(message.contains("hf:user/name"), "{message}");
}
