//! The files of the web page: built into the program, or read from a folder at the start.

use axum::body::Bytes;
use flate2::read::GzDecoder;
use std::{collections::BTreeMap, fs, io::Read as _, path::Path, sync::OnceLock};

use crate::error::StartError;

/// What the build put into the program: names, and files packed with gzip.
const BUILT_IN: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/page.rs"));
/// The file that `/` stands for.
pub(super) const INDEX: &str = "index.html";
/// Files of a page at most, and bytes of one of them: a folder that holds more is not a page of ours.
const FILES_MAX: usize = 64;
const FILE_MAX: u64 = 64 * 1024 * 1024;

/// One file.
#[derive(Debug)]
pub(super) struct File {
    /// Its media type.
    pub(super) kind: &'static str,
    /// Packed with gzip.
    pub(super) packed: Bytes,
    /// The first half of the BLAKE3 hash of the packed bytes, in hexadecimal.
    pub(super) tag: String,
    /// Its name has a hash of its content, so it never changes.
    pub(super) lasts: bool,
    /// The file for clients that do not take it packed: made when the first one comes, for all of them.
    plain: OnceLock<Option<Bytes>>,
}

impl File {
    fn new(name: &str, packed: Bytes) -> Self {
        let hash = blake3::hash(&packed).to_hex();
        let tag = hash.get(..32).unwrap_or_default().to_owned();
        Self { kind: kind(name), packed, tag, lasts: has_hash(name), plain: OnceLock::new() }
    }

    /// The file for a client that does not take it packed; `None` when it is damaged.
    pub(super) fn unpacked(&self) -> Option<Bytes> {
        let unpack = || {
            let mut bytes = Vec::new();
            let read = GzDecoder::new(self.packed.as_ref()).take(FILE_MAX).read_to_end(&mut bytes);
            read.ok().map(|_| bytes.into())
        };
        self.plain.get_or_init(unpack).clone()
    }
}

/// Where a page says what it is called: in the head of its first file, which the build writes.
const NAMED: &str = "<meta name=\"parlor-page\" content=\"";
/// Digits of that name.
const NAME_LENGTH: usize = 16;

/// The page: its files by name.
#[derive(Debug)]
pub(super) struct Page {
    files: BTreeMap<String, File>,
    version: String,
}

impl Page {
    /// The page that was built into the program, if one was.
    pub(super) fn built_in() -> Option<Self> {
        let file =
            |(name, packed): &(&str, &'static [u8])| ((*name).to_owned(), File::new(name, Bytes::from_static(packed)));
        Self::of(BUILT_IN.iter().map(file).collect())
    }

    /// Reads a page as `cargo xtask web` writes it.
    ///
    /// # Errors
    /// [`StartError::Page`] when there is none.
    pub(super) fn read(folder: &Path) -> Result<Self, StartError> {
        let bad = |reason: String| StartError::Page { dir: folder.to_owned(), reason };
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(folder).map_err(|error| bad(error.to_string()))? {
            let path = entry.map_err(|error| bad(error.to_string()))?.path();
            let name = path.file_stem().and_then(|name| name.to_str());
            let (true, Some(name)) = (path.extension().is_some_and(|extension| extension == "gz"), name) else {
                continue;
            };
            let length = path.metadata().map_err(|error| bad(error.to_string()))?.len();
            if files.len() == FILES_MAX || length > FILE_MAX {
                return Err(bad("it holds more than a page has".to_owned()));
            }
            let bytes = fs::read(&path).map_err(|error| bad(error.to_string()))?;
            files.insert(name.to_owned(), File::new(name, bytes.into()));
        }
        Self::of(files).ok_or_else(|| bad(format!("there is no {INDEX}.gz in it")))
    }

    /// A page of these files, if they are one.
    fn of(files: BTreeMap<String, File>) -> Option<Self> {
        let index = files.get(INDEX)?;
        // A page that does not say what it is called never finds out that it is old.
        let version = own_name(index).unwrap_or_else(|| index.tag.clone());
        Some(Self { files, version })
    }

    /// A file by its name.
    pub(super) fn file(&self, name: &str) -> Option<&File> {
        self.files.get(name)
    }

    /// Names this state of the page: open pages compare it with their own name and load themselves anew.
    pub(super) fn version(&self) -> &str {
        &self.version
    }
}

/// What a page calls itself.
fn own_name(index: &File) -> Option<String> {
    let bytes = index.unpacked()?;
    let (_, rest) = std::str::from_utf8(&bytes).ok()?.split_once(NAMED)?;
    let (name, _) = rest.split_once('"')?;
    is_hash(name).then(|| name.to_owned())
}

/// The media type of a file, by its name.
fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "webmanifest" => "application/json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        _ => "application/octet-stream",
    }
}

/// Whether a name is `something-HASH.extension`, with 16 hexadecimal digits.
fn has_hash(name: &str) -> bool {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    is_hash(stem.rsplit_once('-').map_or("", |(_, hash)| hash))
}

fn is_hash(text: &str) -> bool {
    text.len() == NAME_LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
