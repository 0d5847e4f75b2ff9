//! What the hub is asked, and what it answers.

use std::path::Path;

use tempfile::NamedTempFile;
use ureq::http::{HeaderMap, Response, StatusCode};
use ureq::{Agent, Body, RequestBuilder};

use super::address::Address;
use super::cache::hash_of;
use super::environment;
use super::error::HubError;
use super::hub_file::HubFile;
use crate::download::{Progress, SaveError, config, save};

/// A server that is asked as the hub is.
pub(super) struct Server {
    endpoint: String,
    /// What the hub knows the user by.
    token: Option<String>,
}

impl Server {
    /// The one that `HF_ENDPOINT` names, or the hub.
    pub fn from_environment() -> Self {
        let endpoint = environment::endpoint().unwrap_or("https://huggingface.co".into());
        Self { endpoint: endpoint.trim_end_matches('/').to_owned(), token: environment::token() }
    }

    /// The address on the web.
    pub fn url(&self, address: &Address) -> String {
        let Address { repository, path, revision } = address;
        // A revision is one part of the URL, even `refs/pr/1`.
        let revision = revision.replace('/', "%2F");
        format!("{}/{repository}/resolve/{revision}/{path}", self.endpoint)
    }

    /// Asks what the file is, without its contents.
    ///
    /// # Errors
    /// If there is no such file, or no answer.
    pub fn look_up(&self, address: &Address) -> Result<HubFile, HubError> {
        /// A repository that was renamed once or twice.
        const RENAMED: usize = 5;
        let agent: Agent = config().max_redirects(0).http_status_as_error(false).build().into();
        let url = self.url(address);
        let mut at = url.clone();
        for _ in 0..RENAMED {
            let request = self.authorized(agent.head(&at));
            let answer = request.header("Accept-Encoding", "identity").call();
            let answer = answer.map_err(|error| HubError::Unreachable {
                url: url.clone(),
                reason: error.to_string(),
            })?;
            let location =
                answer.status().is_redirection().then(|| text(answer.headers(), "Location"));
            match location.flatten() {
                // A relative Location means that the repository was renamed: ask there. An absolute
                // one is the storage server, whose answer lacks the hub's headers, so this answer
                // counts.
                Some(path) if path.starts_with('/') => at = format!("{}{path}", self.endpoint),
                _ => return self.found(&url, &answer),
            }
        }
        Err(HubError::Foreign { url, reason: "it leads in circles" })
    }

    /// A request that says who asks, if that is known.
    fn authorized<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("Authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    fn found(&self, url: &str, answer: &Response<Body>) -> Result<HubFile, HubError> {
        let (status, headers) = (answer.status(), answer.headers());
        if !status.is_success() && !status.is_redirection() {
            return Err(self.refusal(url, status, headers));
        }
        let foreign = |reason| HubError::Foreign { url: url.to_owned(), reason };
        // They become names of files.
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let plain = |text: &String| !text.is_empty() && text.bytes().all(allowed);
        let commit = text(headers, "X-Repo-Commit").filter(plain);
        let etag = text(headers, "X-Linked-Etag").or_else(|| text(headers, "ETag"));
        let etag = etag.map(|etag| etag.trim_start_matches("W/").trim_matches('"').to_owned());
        let size = text(headers, "X-Linked-Size")
            .or_else(|| status.is_success().then(|| text(headers, "Content-Length")).flatten());
        Ok(HubFile {
            commit: commit.ok_or_else(|| foreign("it names no commit"))?,
            etag: etag.filter(plain).ok_or_else(|| foreign("it names no hash of the file"))?,
            size: size.and_then(|size| size.parse().ok()),
        })
    }

    fn refusal(&self, url: &str, status: StatusCode, headers: &HeaderMap) -> HubError {
        let url = url.to_owned();
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return HubError::Unreachable { url, reason: format!("it answers {status}") };
        }
        let code = text(headers, "X-Error-Code").unwrap_or_default();
        let reason = match &*code {
            "EntryNotFound" => "the repository has no such file".into(),
            "RevisionNotFound" => "the repository has no such revision".into(),
            "GatedRepo" => "its owner asks you to agree to conditions on the hub first; then set \
                            HF_TOKEN, or use `hf auth login`"
                .into(),
            _ if status == StatusCode::UNAUTHORIZED || code == "RepoNotFound" => match self.token {
                // The hub does not tell strangers what is private.
                None => "there is no such repository, or it is private: set HF_TOKEN, or use \
                         `hf auth login`"
                    .into(),
                Some(_) => "there is no such repository, or the token, of HF_TOKEN or of `hf auth \
                            login`, does not open it"
                    .into(),
            },
            _ => format!("the hub answers {status}"),
        };
        HubError::Refused { url, reason }
    }

    /// Downloads the file into an empty one, and checks that it is what was found.
    ///
    /// # Errors
    /// If the connection breaks, the file cannot be written, or something else came.
    pub fn download(
        &self,
        address: &Address,
        found: &HubFile,
        limit: u64,
        to: &mut NamedTempFile,
        progress: &Progress<'_>,
    ) -> Result<(), HubError> {
        // The commit, so that a new revision in the meantime does not matter.
        let url = self.url(&Address { revision: found.commit.clone(), ..address.clone() });
        self.save(&url, limit, to, progress)?;
        check(&url, found, to.path())
    }

    fn save(
        &self,
        url: &str,
        limit: u64,
        to: &mut NamedTempFile,
        progress: &Progress<'_>,
    ) -> Result<(), HubError> {
        let agent: Agent = config().build().into();
        // The token is not sent on to where the contents are: ureq leaves it out after a redirection.
        let request = self.authorized(agent.get(url));
        let unreachable = |reason: String| HubError::Unreachable { url: url.to_owned(), reason };
        let answer = request.call().map_err(|error| unreachable(error.to_string()))?;
        // One byte more tells a file that is too large.
        let saved = save(url, answer.into_body(), to.as_file_mut(), limit + 1, progress);
        saved.map_err(|error| match error {
            SaveError::Network(error) => unreachable(error.to_string()),
            SaveError::Disk(source) => HubError::Cache { path: to.path().to_owned(), source },
        })?;
        let size = to.as_file().metadata().map_or(0, |metadata| metadata.len());
        if size > limit { Err(HubError::TooLarge { url: url.to_owned(), limit }) } else { Ok(()) }
    }
}

fn check(url: &str, found: &HubFile, path: &Path) -> Result<(), HubError> {
    let Some(expected) = found.sha256() else { return Ok(()) };
    let hash = hash_of(path)?;
    if hash == expected {
        return Ok(());
    }
    let (url, expected) = (url.to_owned(), expected.to_owned());
    Err(HubError::Damaged { url, found: hash, expected })
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
