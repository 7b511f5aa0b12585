//! Web and mail addresses in texts: where they are, where they really lead, and what about them could
//! deceive somebody who reads them.
//!
//! Addresses are taken apart by the `url` crate, which is what browsers do with them (WHATWG URL, UTS 46),
//! so what is shown is where one would arrive. Nothing here opens anything; [`may_open`] is asked by
//! whoever does.

use std::ops::Range;

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory as _};
use unicode_security::{RestrictionLevel, RestrictionLevelDetection as _, confusable_detection::skeleton};
use url::Url;

/// What begins a link, in small letters.
const BEGINNINGS: [&str; 3] = ["https://", "http://", "mailto:"];

/// What about a link could deceive its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Doubt {
    /// It has letters that cannot be seen, or that turn the direction of others.
    Invisible,
    /// Its host has letters that look like others, or is written in another way than it is meant.
    LookAlike,
    /// Something stands before the host that looks like one: `https://bank.example@evil.example`.
    UserInfo,
    /// It leads to an unusual port.
    Port,
}

/// Where a link leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The whole address in plain ASCII letters, as it is opened.
    pub url: String,
    /// The host, or whom a mail goes to, in its own letters.
    pub host: String,
    /// The same in plain ASCII letters (punycode).
    pub ascii: String,
    /// What could deceive, in the order of [`Doubt`].
    pub doubts: Vec<Doubt>,
}

/// Whether something may be opened at all: web pages and mail, nothing that starts a program or reads a
/// file.
#[must_use]
pub fn may_open(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "https" | "http" | "mailto"))
}

impl Target {
    /// Takes a link apart as it stands in a text. None when it leads nowhere that may be opened.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok().filter(|url| may_open(url.as_str()))?;
        let mut doubts = Vec::new();
        let mut doubt = |is_so: bool, doubt| {
            if is_so {
                doubts.push(doubt);
            }
        };
        doubt(text.chars().any(is_invisible), Doubt::Invisible);
        if url.scheme() == "mailto" {
            let address = url.path().to_owned();
            doubt(!text.is_ascii(), Doubt::LookAlike);
            return Some(Self { host: address.clone(), ascii: address, url: url.into(), doubts });
        }
        let ascii = url.host_str().filter(|host| !host.is_empty())?.to_owned();
        let (host, _) = idna::domain_to_unicode(&ascii);
        let shown = authority(text);
        let shown_host = host_of(shown);
        doubt(deceives(&host) || !is_written_so(shown_host, &host, &ascii), Doubt::LookAlike);
        doubt(shown.contains('@') || !url.username().is_empty() || url.password().is_some(), Doubt::UserInfo);
        doubt(url.port().is_some(), Doubt::Port);
        Some(Self { url: url.into(), host, ascii, doubts })
    }
}

/// What stands between the scheme and the path.
fn authority(text: &str) -> &str {
    let rest = text.split_once("//").map_or(text, |(_, rest)| rest).trim_start_matches(['/', '\\']);
    rest.split(['/', '\\', '?', '#']).next().unwrap_or_default()
}

/// The host in it, as it is written.
fn host_of(authority: &str) -> &str {
    let host = authority.rsplit('@').next().unwrap_or_default();
    match host.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => host,
    }
}

/// Whether somebody reads the host that is meant: not `0x7f.1` for `127.0.0.1`, not wide letters for
/// narrow ones, not letters that vanish.
fn is_written_so(shown: &str, host: &str, ascii: &str) -> bool {
    let shown = shown.to_lowercase();
    shown == host.to_lowercase() || shown == ascii
}

/// Whether a host has letters that look like those of another one (UTS 39): a label that mixes scripts in
/// a way that no language does, or that is read as plain Latin letters and is not.
fn deceives(host: &str) -> bool {
    host.split('.').filter(|label| !label.is_ascii()).any(|label| {
        let is_mixed = label.detect_restriction_level() > RestrictionLevel::HighlyRestrictive;
        is_mixed || skeleton(label).all(|c| c.is_ascii())
    })
}

/// Letters that cannot be seen, or that change how others are shown.
fn is_invisible(c: char) -> bool {
    let is_format = matches!(c.general_category(), GeneralCategory::Format | GeneralCategory::Control);
    // Letters and signs by their category, and nothing on the screen.
    is_format
        || matches!(c, '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0100}'..='\u{e01ef}')
}

/// The byte ranges of links in a text. Punctuation and brackets of all scripts around a link are not part
/// of it.
#[must_use]
pub fn find(text: &str) -> Vec<Range<usize>> {
    let small = text.to_ascii_lowercase();
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = next_beginning(&small, from) {
        let rest = text.get(start..).unwrap_or_default();
        let end = rest.find(ends_link).unwrap_or(rest.len());
        let link = trim(rest.get(..end).unwrap_or_default());
        from = start + end.max(1);
        while !text.is_char_boundary(from) {
            from += 1;
        }
        if Target::of(link).is_some() {
            found.push(start..start + link.len());
        }
    }
    found
}

/// Where the next link may begin: not in the middle of a word of Latin letters.
fn next_beginning(small: &str, from: usize) -> Option<usize> {
    let rest = small.get(from..)?;
    let mut places: Vec<usize> =
        BEGINNINGS.iter().flat_map(|word| rest.match_indices(word)).map(|(at, _)| at).collect();
    places.sort_unstable();
    places.into_iter().map(|at| from + at).find(|at| {
        let before = small.get(..*at).and_then(|before| before.chars().next_back());
        before.is_none_or(|c| !c.is_ascii_alphanumeric())
    })
}

/// Whether no link goes on here. Dashes, joining marks and the dot of Catalan names stand in links.
fn ends_link(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_whitespace() || c.is_ascii_control() || matches!(c, '<' | '>' | '"' | '`');
    }
    let is_mark = c.general_category_group() == GeneralCategoryGroup::Punctuation
        && !matches!(c.general_category(), GeneralCategory::DashPunctuation | GeneralCategory::ConnectorPunctuation)
        && c != '\u{b7}';
    is_mark || c.is_whitespace()
}

/// Takes closing punctuation off the end. A closing bracket belongs to the link if it was opened in it.
fn trim(mut link: &str) -> &str {
    loop {
        let Some(last) = link.chars().next_back() else { return link };
        let pair = match last {
            ')' => Some('('),
            ']' => Some('['),
            '}' => Some('{'),
            _ => None,
        };
        let count = |wanted: char| link.chars().filter(|c| *c == wanted).count();
        let goes = match pair {
            Some(open) => count(open) < count(last),
            None if last.is_ascii() => matches!(last, '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '*'),
            None => last.general_category_group() == GeneralCategoryGroup::Punctuation,
        };
        if !goes {
            return link;
        }
        link = link.get(..link.len() - last.len_utf8()).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests;
