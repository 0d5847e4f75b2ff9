//! A file server without any special features: if the page works here, it works on any host.
//!
//! It answers `GET` for files in the given folders, under a path that is not the root, and 404 for
//! everything else, which reveals wrong absolute addresses in the page. Where a test needs a server
//! that is set up in another way, [`Quirks`] say how.

use std::{
    fs,
    hash::{DefaultHasher, Hasher},
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Component, Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
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

/// The folder of a built page's scripts, relative to the page, such as `0123/www/`: it is named
/// after its contents.
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
    /// The connection that breaks off.
    pub breaks: Option<Breaks>,
    /// Whether it answers as a hub does: `HEAD` as well, with tags, and to pages of any origin.
    pub hub: bool,
    /// Text of `index.html`, and what is sent in its place.
    pub replaced: Option<(&'static str, &'static str)>,
}

/// What a hub lets pages of other origins read.
const HUB: &str =
    "Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: ETag, Content-Length\r\n";

/// A connection that breaks off in the middle of an answer, once what came through it has [arrived](Server::has_arrived).
#[derive(Clone, Copy)]
pub struct Breaks {
    /// How the address of the file ends.
    pub file: &'static str,
    /// How often it does.
    pub times: usize,
    /// Whether the server sends parts of files on request.
    pub parts: bool,
}

/// How long a connection lasts at most before it breaks off, also if nobody says that all of it has arrived: by then a page
/// gives a silent one up by itself.
const BEFORE_BREAK: Duration = Duration::from_secs(60);

/// A file of zeros, which exists only as a [quirk](Quirks::huge).
pub const HUGE: &str = "huge.safetensors";

/// A running server. It lives as long as the process.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// What the threads of a server have in common.
#[derive(Default)]
struct Shared {
    sent: Mutex<Vec<PathBuf>>,
    zeros: AtomicU64,
    /// How often a connection has broken off.
    broken: AtomicUsize,
    /// The bytes of files that may break off, whole or in part.
    bytes: AtomicU64,
    /// How many bytes of such a file a page has.
    arrived: AtomicU64,
    is_closed: AtomicBool,
}

impl Shared {
    /// Waits until a page has so many bytes of a file.
    fn wait_for_arrival(&self, bytes: u64) {
        let start = Instant::now();
        while self.arrived.load(Ordering::Relaxed) < bytes && start.elapsed() < BEFORE_BREAK {
            thread::sleep(Duration::from_millis(10));
        }
    }
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
        Self::start_mounted_with(mounts, Quirks::default())
    }

    /// Like [`start_mounted`](Self::start_mounted), but with quirks.
    ///
    /// # Errors
    ///
    /// As for [`start_mounted`](Self::start_mounted).
    pub fn start_mounted_with(mounts: Vec<Mount>, quirks: Quirks) -> Result<Self> {
        Self::serve(mounts, quirks)
    }

    fn serve(mounts: Vec<Mount>, quirks: Quirks) -> Result<Self> {
        let listener =
            TcpListener::bind("127.0.0.1:0").context("cannot open a port for the page")?;
        let address = listener.local_addr()?;
        let mounts: Arc<[Mount]> = mounts.into();
        let shared = Arc::<Shared>::default();
        let of_threads = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Leaving the loop closes the port.
                if of_threads.is_closed.load(Ordering::Relaxed) {
                    break;
                }
                let (mounts, shared) = (Arc::clone(&mounts), Arc::clone(&of_threads));
                // Browsers hang up whenever they like, so errors do not matter.
                thread::spawn(move || answer(stream, &mounts, quirks, &shared).ok());
            }
        });
        Ok(Self { address, shared })
    }

    /// Closes the port, so that browsers find no server there.
    ///
    /// # Errors
    ///
    /// When it is closed already.
    pub fn stop(&self) -> Result<()> {
        self.shared.is_closed.store(true, Ordering::Relaxed);
        // The server notices at the next connection.
        TcpStream::connect(self.address).context("the server has stopped already")?;
        Ok(())
    }

    /// The files sent since the last call, in order.
    pub fn take_sent(&self) -> Vec<PathBuf> {
        std::mem::take(&mut self.shared.sent.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The number of bytes of [`HUGE`] that have been sent.
    pub fn zeros(&self) -> u64 {
        self.shared.zeros.load(Ordering::Relaxed)
    }

    /// How often a connection has broken off, and how many bytes of that file have been sent in all.
    pub fn broken(&self) -> (usize, u64) {
        let Shared { broken, bytes, .. } = &*self.shared;
        (broken.load(Ordering::Relaxed), bytes.load(Ordering::Relaxed))
    }

    /// Says how many bytes a page has of the file whose connections break off: one does once it has all that came through it.
    pub fn has_arrived(&self, bytes: u64) {
        self.shared.arrived.fetch_max(bytes, Ordering::Relaxed);
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
    shared: &Shared,
) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    // Leaving headers unread would reset the connection and cut off the answer.
    let mut from = None;
    while let Some(line) = lines.next().transpose()?.filter(|line| !line.is_empty()) {
        from = from.or_else(|| start_of_range(&line));
    }

    let asked = if quirks.hub { request.replace(HEAD, "GET ") } else { request.clone() };
    let path = file_of(&asked, mounts);
    if let Some((bytes, tells)) = quirks.huge
        && path.as_ref().is_some_and(|path| path.ends_with(HUGE))
    {
        let length = if tells { format!("Content-Length: {bytes}\r\n") } else { String::new() };
        write!(stream, "HTTP/1.1 200 OK\r\n{length}Connection: close\r\n\r\n")?;
        let piece = vec![0; 1 << 16];
        for _ in 0..bytes / piece.len() as u64 {
            stream.write_all(&piece)?;
            shared.zeros.fetch_add(piece.len() as u64, Ordering::Relaxed);
        }
        return Ok(());
    }
    let ends = |path: &Path, end: &str| path.to_string_lossy().ends_with(end);
    let file = path
        .filter(|path| !quirks.missing.is_some_and(|end| ends(path, end)))
        .and_then(|path| Some((fs::read(&path).ok()?, path)))
        .map(|(body, path)| match quirks.replaced {
            Some((from, to)) if ends(&path, "index.html") => {
                (String::from_utf8_lossy(&body).replace(from, to).into_bytes(), path)
            }
            _ => (body, path),
        });
    let (status, kind, body) = match file {
        Some((body, path)) => {
            let other = quirks.media_type.filter(|(end, _)| ends(&path, end));
            let kind = other.map_or_else(|| mime(&path), |(_, kind)| kind);
            if let Some(breaks) = quirks.breaks.filter(|breaks| ends(&path, breaks.file))
                && asked == request
            {
                let from = from.filter(|_| breaks.parts);
                let headers = headers(&quirks, &body);
                return send_and_break(&mut stream, &headers, &body, from, breaks.times, shared);
            }
            if asked == request {
                shared.sent.lock().unwrap_or_else(PoisonError::into_inner).push(path);
            }
            ("200 OK", kind, body)
        }
        None => ("404 Not Found", "text/plain", b"not found".to_vec()),
    };
    let length = body.len();
    let headers = headers(&quirks, &body);
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{headers}Connection: close\r\n\r\n"
    )?;
    if request.starts_with(HEAD) { Ok(()) } else { stream.write_all(&body) }
}

/// The headers of an answer with a file that not every server sends.
fn headers(quirks: &Quirks, body: &[u8]) -> String {
    let hub =
        if quirks.hub { format!("{HUB}ETag: \"{:x}\"\r\n", hash(body)) } else { String::new() };
    format!("{}{hub}", quirks.headers)
}

/// Where the rest of a file begins that a header such as `Range: bytes=12-` asks for.
fn start_of_range(header: &str) -> Option<usize> {
    let (name, value) = header.split_once(':')?;
    if !name.eq_ignore_ascii_case("range") {
        return None;
    }
    value.trim().strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

/// Sends a file, or what is left of it `from` a byte on. The first `times` answers end after a half.
fn send_and_break(
    stream: &mut TcpStream,
    headers: &str,
    body: &[u8],
    from: Option<usize>,
    times: usize,
    shared: &Shared,
) -> io::Result<()> {
    let rest = from.and_then(|from| body.get(from..)).unwrap_or(body);
    let (status, range) = match from {
        Some(from) => {
            let last = body.len() - 1;
            (
                "206 Partial Content",
                format!("Content-Range: bytes {from}-{last}/{}\r\n", body.len()),
            )
        }
        None => ("200 OK", String::new()),
    };
    let length = rest.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{range}{headers}Connection: close\r\n\r\n"
    )?;
    let breaks = shared.broken.load(Ordering::Relaxed) < times;
    let piece = if breaks { &rest[..length / 2] } else { rest };
    // Before the browser can have noticed.
    shared.broken.fetch_add(usize::from(breaks), Ordering::Relaxed);
    shared.bytes.fetch_add(piece.len() as u64, Ordering::Relaxed);
    stream.write_all(piece)?;
    if breaks {
        // Browsers throw away what a page has not yet taken when they notice that a connection has gone.
        shared.wait_for_arrival((from.unwrap_or(0) + piece.len()) as u64);
    }
    Ok(())
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

const HEAD: &str = "HEAD ";

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
    fn understands_which_part_is_asked_for() {
        assert_eq!(start_of_range("range: bytes=12-"), Some(12));
        assert_eq!(start_of_range("Range: bytes=0-5"), None);
        assert_eq!(start_of_range("Accept: bytes=12-"), None);
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
