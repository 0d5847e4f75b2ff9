//! A file server without any special features: if the page works here, it works on any host.
//!
//! It answers `GET` for files in the given folders, under a path that is not the root, and 404 for
//! everything else, which reveals wrong absolute addresses in the page. Where a test needs a server
//! that is set up in another way, [`Quirks`] say how.

use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Component, Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use anyhow::{Context, Result, ensure};

/// The path that everything is served under.
pub const PREFIX: &str = "/some/path/";

/// A folder whose files are served under `path`, which ends in `/` or is empty.
pub struct Mount {
    /// Relative to [`PREFIX`].
    pub path: &'static str,
    /// The folder on this machine.
    pub folder: PathBuf,
}

/// The folder of a built page's scripts, relative to the page, such as `0123/www/`: it is named after its
/// contents.
///
/// # Errors
///
/// When there is no page, or it loads no module.
pub fn scripts(dist: &Path) -> Result<String> {
    let index = dist.join("index.html");
    let missing = || format!("{} holds no page: run `cargo xtask build`", dist.display());
    let page = fs::read_to_string(&index).with_context(missing)?;
    let before = page.split_once("main.js\"").map(|(before, _)| before);
    let folder = before.and_then(|before| before.rsplit("\"./").next());
    Ok(folder.with_context(|| format!("{} loads no module", index.display()))?.to_owned())
}

/// What a server does differently.
#[derive(Clone, Copy, Default)]
pub struct Quirks {
    /// It has no files whose address ends like this.
    pub missing: Option<&'static str>,
    /// The media type of files whose name ends like this.
    pub media_type: Option<(&'static str, &'static str)>,
    /// More headers of every answer, each ending in `\r\n`.
    pub headers: &'static str,
    /// Whether it tells the length of [`HUGE`], which has so many bytes.
    pub huge: Option<(u64, bool)>,
}

/// A file of zeros, which exists only as a [quirk](Quirks::huge).
pub const HUGE: &str = "huge.safetensors";

/// A running server. It lives as long as the process.
pub struct Server {
    address: SocketAddr,
    sent: Arc<Mutex<Vec<PathBuf>>>,
    zeros: Arc<AtomicU64>,
}

impl Server {
    /// Serves the files below `folder` on a free port of this machine.
    ///
    /// # Errors
    ///
    /// When `folder` has no `index.html`, or no port is available.
    pub fn start(folder: &Path) -> Result<Self> {
        Self::start_without(folder, None)
    }

    /// Like [`start`](Self::start), but without files whose name ends in `missing`.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    pub fn start_without(folder: &Path, missing: Option<&'static str>) -> Result<Self> {
        Self::start_with(folder, Quirks { missing, ..Quirks::default() })
    }

    /// Like [`start`](Self::start), but with quirks.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    pub fn start_with(folder: &Path, quirks: Quirks) -> Result<Self> {
        ensure!(
            folder.join("index.html").is_file(),
            "{} holds no page: run `cargo xtask build` first",
            folder.display()
        );
        Self::serve(vec![Mount { path: "", folder: folder.into() }], quirks)
    }

    /// Serves the files of several folders; the first with a matching path is used.
    ///
    /// # Errors
    ///
    /// When no port is available.
    pub fn start_mounted(mounts: Vec<Mount>) -> Result<Self> {
        Self::serve(mounts, Quirks::default())
    }

    fn serve(mounts: Vec<Mount>, quirks: Quirks) -> Result<Self> {
        let listener =
            TcpListener::bind("127.0.0.1:0").context("cannot open a port for the page")?;
        let address = listener.local_addr()?;
        let mounts: Arc<[Mount]> = mounts.into();
        let sent = Arc::new(Mutex::new(Vec::new()));
        let zeros = Arc::new(AtomicU64::new(0));
        let (log, count) = (Arc::clone(&sent), Arc::clone(&zeros));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (mounts, log, count) =
                    (Arc::clone(&mounts), Arc::clone(&log), Arc::clone(&count));
                // Browsers hang up whenever they like, so errors do not matter.
                thread::spawn(move || answer(stream, &mounts, quirks, &log, &count).ok());
            }
        });
        Ok(Self { address, sent, zeros })
    }

    /// The files sent since the last call, in order.
    pub fn take_sent(&self) -> Vec<PathBuf> {
        std::mem::take(&mut self.sent.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The number of bytes of [`HUGE`] that have been sent.
    pub fn zeros(&self) -> u64 {
        self.zeros.load(Ordering::Relaxed)
    }

    /// The address of `file`, which may include a query, relative to the page.
    pub fn url(&self, file: &str) -> String {
        format!("http://{}{PREFIX}{file}", self.address)
    }
}

/// Reads one request, answers it and closes the connection.
fn answer(
    mut stream: TcpStream,
    mounts: &[Mount],
    quirks: Quirks,
    sent: &Mutex<Vec<PathBuf>>,
    zeros: &AtomicU64,
) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    // The headers do not matter, but leaving them unread would reset the connection and cut off the
    // answer.
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}

    let path = file_of(&request, mounts);
    if let Some((bytes, tells)) = quirks.huge
        && path.as_ref().is_some_and(|path| path.ends_with(HUGE))
    {
        let length = if tells { format!("Content-Length: {bytes}\r\n") } else { String::new() };
        write!(stream, "HTTP/1.1 200 OK\r\n{length}Connection: close\r\n\r\n")?;
        let piece = vec![0; 1 << 16];
        for _ in 0..bytes / piece.len() as u64 {
            stream.write_all(&piece)?;
            zeros.fetch_add(piece.len() as u64, Ordering::Relaxed);
        }
        return Ok(());
    }
    let ends = |path: &Path, end: &str| path.to_string_lossy().ends_with(end);
    let file = path
        .filter(|path| !quirks.missing.is_some_and(|end| ends(path, end)))
        .and_then(|path| Some((fs::read(&path).ok()?, path)));
    let (status, kind, body) = match file {
        Some((body, path)) => {
            let other = quirks.media_type.filter(|(end, _)| ends(&path, end));
            let kind = other.map_or_else(|| mime(&path), |(_, kind)| kind);
            sent.lock().unwrap_or_else(PoisonError::into_inner).push(path);
            ("200 OK", kind, body)
        }
        None => ("404 Not Found", "text/plain", b"not found".to_vec()),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n{}Connection: close\r\n\r\n",
        body.len(),
        quirks.headers
    )?;
    stream.write_all(&body)
}

/// The file that a request line such as `GET /some/path/www/main.js?x=1 HTTP/1.1` asks for.
fn file_of(request: &str, mounts: &[Mount]) -> Option<PathBuf> {
    let target = request.strip_prefix("GET ")?.split(' ').next()?;
    let path = target.split('?').next()?.strip_prefix(PREFIX)?;
    let (folder, path) =
        mounts.iter().find_map(|mount| Some((&mount.folder, path.strip_prefix(mount.path)?)))?;
    let name = Path::new(if path.is_empty() { "index.html" } else { path });
    let stays_below = name.components().all(|part| matches!(part, Component::Normal(_)));
    stays_below.then(|| folder.join(name))
}

/// The media type for a file's extension. Browsers refuse modules and wasm with a wrong one.
fn mime(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
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
        let mounts = [("more/", "elsewhere"), ("", "dist")];
        file_of(request, &mounts.map(|(path, folder)| Mount { path, folder: folder.into() }))
    }

    #[test]
    fn finds_files_below_the_prefix_only() {
        assert_eq!(file("GET /some/path/ HTTP/1.1"), Some("dist/index.html".into()));
        assert_eq!(file("GET /some/path/a/b.js?c=d HTTP/1.1"), Some("dist/a/b.js".into()));
        assert_eq!(file("GET /some/path/more/b.js HTTP/1.1"), Some("elsewhere/b.js".into()));
        assert_eq!(file("GET /a.js HTTP/1.1"), None);
        assert_eq!(file("POST /some/path/a.js HTTP/1.1"), None);
    }

    #[test]
    fn never_leaves_the_folder() {
        assert_eq!(file("GET /some/path/../secret HTTP/1.1"), None);
        assert_eq!(file("GET /some/path/more/../secret HTTP/1.1"), None);
        assert_eq!(file("GET /some/path//etc/passwd HTTP/1.1"), None);
    }

    #[test]
    fn a_folder_without_a_page_is_an_error_that_says_what_to_do() {
        let error = Server::start(Path::new("no-such-folder")).err().map(|error| error.to_string());
        assert!(error.is_some_and(|text| text.contains("cargo xtask build")));
    }
}
