//! A file server with nothing special about it: if the page works here, it works on any host.
//!
//! It answers `GET` for files below one folder, under a path that is not the root, and 404 for
//! everything else, so that a wrong absolute address in the page is found out.

use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Component, Path, PathBuf},
    sync::Arc,
    thread,
};

use anyhow::{Context, Result, ensure};

/// The path under which the folder is served.
pub const PREFIX: &str = "/some/path/";

/// A running server. It lives until the process ends; tests come to an end.
pub struct Server {
    address: SocketAddr,
}

impl Server {
    /// Serves the files below `folder` on a free port of this machine.
    ///
    /// # Errors
    ///
    /// When `folder` has no `index.html` or no port can be had.
    pub fn start(folder: &Path) -> Result<Self> {
        Self::start_without(folder, None)
    }

    /// Serves as [`start`](Self::start) does, but for files whose name ends in `missing`.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    pub fn start_without(folder: &Path, missing: Option<&'static str>) -> Result<Self> {
        ensure!(
            folder.join("index.html").is_file(),
            "{} holds no page: run `cargo xtask build` first",
            folder.display()
        );
        let listener =
            TcpListener::bind("127.0.0.1:0").context("cannot open a port for the page")?;
        let address = listener.local_addr()?;
        let folder: Arc<Path> = folder.into();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let folder = Arc::clone(&folder);
                // A browser hangs up whenever it likes; that is its business.
                thread::spawn(move || answer(stream, &folder, missing).ok());
            }
        });
        Ok(Self { address })
    }

    /// The address of `file` (which may carry a query), relative to the page.
    pub fn url(&self, file: &str) -> String {
        format!("http://{}{PREFIX}{file}", self.address)
    }
}

/// Reads one request, answers it and closes the connection.
fn answer(mut stream: TcpStream, folder: &Path, missing: Option<&str>) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    // The headers do not matter here, but a reset would cut the answer short if they stayed unread.
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}

    let file = file_of(&request, folder)
        .filter(|path| !missing.is_some_and(|end| path.to_string_lossy().ends_with(end)))
        .and_then(|path| Some((mime(&path), fs::read(path).ok()?)));
    let (status, kind, body) = match file {
        Some((kind, body)) => ("200 OK", kind, body),
        None => ("404 Not Found", "text/plain", b"not found".to_vec()),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(&body)
}

/// The file that a request line such as `GET /some/path/www/main.js?x=1 HTTP/1.1` asks for.
fn file_of(request: &str, folder: &Path) -> Option<PathBuf> {
    let target = request.strip_prefix("GET ")?.split(' ').next()?;
    let path = target.split('?').next()?.strip_prefix(PREFIX)?;
    let name = Path::new(if path.is_empty() { "index.html" } else { path });
    let stays_below = name.components().all(|part| matches!(part, Component::Normal(_)));
    stays_below.then(|| folder.join(name))
}

/// The media type by the file's extension. Browsers refuse modules and wasm that have a wrong one.
fn mime(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("png") => "image/png",
        Some("svg") => "image/svg+xml",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(request: &str) -> Option<PathBuf> {
        file_of(request, Path::new("dist"))
    }

    #[test]
    fn finds_files_below_the_prefix_only() {
        assert_eq!(file("GET /some/path/ HTTP/1.1"), Some("dist/index.html".into()));
        assert_eq!(file("GET /some/path/a/b.js?c=d HTTP/1.1"), Some("dist/a/b.js".into()));
        assert_eq!(file("GET /a.js HTTP/1.1"), None);
        assert_eq!(file("POST /some/path/a.js HTTP/1.1"), None);
    }

    #[test]
    fn never_leaves_the_folder() {
        assert_eq!(file("GET /some/path/../secret HTTP/1.1"), None);
        assert_eq!(file("GET /some/path//etc/passwd HTTP/1.1"), None);
    }

    #[test]
    fn a_folder_without_a_page_is_an_error_that_says_what_to_do() {
        let error = Server::start(Path::new("no-such-folder")).err().map(|error| error.to_string());
        assert!(error.is_some_and(|text| text.contains("cargo xtask build")));
    }
}
