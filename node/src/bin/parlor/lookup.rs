//! Finding what was meant by what was typed: an id, the beginning of one, or a name.
//!
//! Names are given by people, to whatever they like, so no name may stand before an id. A whole id is always the id.
//! A name and the beginning of an id count the same; where they fit different things, nothing is done, and both are
//! shown.

use crate::output::{self, Failure};

/// Digits of a whole id.
const ID_DIGITS: usize = 64;
/// Fewest digits that are taken for the beginning of an id.
const BEGINNING: usize = 4;

/// Something that can be meant.
#[derive(Clone, Debug)]
pub(crate) struct Candidate<T> {
    /// What it is. What is equal is the same thing, by whatever it was found.
    pub(crate) thing: T,
    /// Its name.
    pub(crate) name: String,
    /// Its ids, as 64 hex digits. The first one is shown.
    pub(crate) ids: Vec<String>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found<T> {
    /// This is meant.
    One(T),
    /// Nothing fits.
    None,
    /// Several things fit: lines that tell them apart.
    Several(Vec<String>),
}

/// Finds what was meant.
pub(crate) fn find<T: Clone + PartialEq>(wanted: &str, candidates: &[Candidate<T>]) -> Found<T> {
    let wanted = wanted.trim().to_lowercase();
    let is_hex = wanted.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_whole = is_hex && wanted.len() == ID_DIGITS;
    let fits = |known: &&Candidate<T>| {
        let by_id = is_hex && wanted.len() >= BEGINNING && known.ids.iter().any(|id| id.starts_with(&wanted));
        by_id || !is_whole && !wanted.is_empty() && known.name.to_lowercase() == wanted
    };
    let mut things: Vec<&Candidate<T>> = Vec::new();
    for known in candidates.iter().filter(fits) {
        if !things.iter().any(|other| other.thing == known.thing) {
            things.push(known);
        }
    }
    match things.as_slice() {
        [] => Found::None,
        [one] => Found::One(one.thing.clone()),
        several => Found::Several(several.iter().map(|known| line(known, &several, &wanted)).collect()),
    }
}

/// What tells a candidate from the others that fit: its name, as much of its id as differs, and by which it fits.
fn line<T>(known: &Candidate<T>, all: &&[&Candidate<T>], wanted: &str) -> String {
    let by_name = known.name.to_lowercase() == wanted;
    let id = known.ids.iter().find(|id| !by_name && id.starts_with(wanted)).or(known.ids.first());
    let id = id.map(String::as_str).unwrap_or_default();
    let shared = |other: &str| id.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
    let others = all.iter().flat_map(|other| &other.ids).filter(|other| *other != id);
    let shown = others.map(|other| shared(other) + 1).max().unwrap_or_default().clamp(8, ID_DIGITS);
    let how = if by_name { "by its name" } else { "by its id" };
    format!("{}  {} ({how})", id.get(..shown).unwrap_or(id), output::name(&known.name))
}

/// The one that was meant, or why there is none. `what` says in the plural what is looked for; `none` is what to say
/// where nothing fits.
pub(crate) fn the_one<T: Clone + PartialEq>(
    what: &str,
    wanted: &str,
    candidates: &[Candidate<T>],
    none: impl FnOnce() -> String,
) -> Result<T, Failure> {
    match find(wanted, candidates) {
        Found::One(thing) => Ok(thing),
        Found::None => Err(Failure::not_found(none())),
        Found::Several(lines) => Err(Failure::usage(format!(
            "several {what} fit {wanted:?}; nothing was done. Type more of the id of the one that you mean:\n  {}",
            lines.join("\n  ")
        ))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::{Candidate, Found, find, the_one};

    const KITCHEN: &str = "cfc8042c0d00b4c4a1a2a3a4a5a6a7a8cfc8042c0d00b4c4a1a2a3a4a5a6a7a8";
    const GARDEN: &str = "cfc8042c0d00ffffa1a2a3a4a5a6a7a8cfc8042c0d00b4c4a1a2a3a4a5a6a7a8";

    fn rooms(names: [&str; 2]) -> Vec<Candidate<usize>> {
        let room = |(thing, (name, id)): (usize, (&str, &str))| Candidate {
            thing,
            name: name.to_owned(),
            ids: vec![id.to_owned()],
        };
        names.into_iter().zip([KITCHEN, GARDEN]).enumerate().map(room).collect()
    }

    #[test]
    fn a_whole_id_is_always_the_id_whoever_is_called_like_it() {
        assert_eq!(find(KITCHEN, &rooms(["kitchen", KITCHEN])), Found::One(0));
        assert_eq!(find(&KITCHEN.to_uppercase(), &rooms(["kitchen", KITCHEN])), Found::One(0));
        let nobody = KITCHEN.replace('c', "d");
        assert_eq!(find(&nobody, &rooms(["kitchen", &nobody])), Found::None, "its room is gone; the name is a trap");
    }

    #[test]
    fn a_name_and_the_beginning_of_an_id_that_fit_different_things_are_both_shown() {
        let short = &KITCHEN[..8];
        let Found::Several(lines) = find(&KITCHEN[..14], &rooms(["kitchen", &KITCHEN[..14]])) else { unreachable!() };
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("cfc8042c0d00b  kitchen (by its id)"), "{lines:?}");
        assert!(lines[1].starts_with("cfc8042c0d00f  ") && lines[1].ends_with("(by its name)"), "{lines:?}");
        let said = the_one("rooms", short, &rooms(["kitchen", "garden"]), String::new).unwrap_err();
        assert_eq!(said.exit_code(), 2);
        assert!(said.to_string().contains("nothing was done"), "{said}");
        assert_eq!(find(short, &rooms(["kitchen", short])), find(short, &rooms(["kitchen", short])));
        // Here both ways lead to the same.
        assert_eq!(find(&KITCHEN[..16], &rooms([&KITCHEN[..16], "garden"])), Found::One(0));
    }

    #[test]
    fn a_name_alone_or_enough_of_an_id_alone_will_do() {
        assert_eq!(find("Kitchen", &rooms(["kitchen", "garden"])), Found::One(0));
        assert_eq!(find("beef", &rooms(["beef", "garden"])), Found::One(0), "it is no id here");
        assert_eq!(find(&GARDEN[..13], &rooms(["kitchen", "garden"])), Found::One(1));
        for nothing in ["cfc", "", " ", "shed", "cfc8042z"] {
            assert_eq!(find(nothing, &rooms(["kitchen", "garden"])), Found::None, "{nothing:?}");
        }
        assert!(matches!(find("kitchen", &rooms(["kitchen", "Kitchen"])), Found::Several(_)));
    }
}
