//! How members came into a room, and for how long: what the list of members says besides their names.

use serde::Serialize;

/// How a device came into a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum Came {
    /// It made the room.
    Founding,
    /// An owner added it.
    Owner,
    /// By a code.
    Code {
        /// The name of who made the code, where that is known.
        by: Option<String>,
        /// Whether this person made it.
        own: bool,
        /// This machine heard of it only after the code had ended: it may be that somebody inside let it in.
        late: bool,
        /// More came by the code than it lets in, and this is one of those beyond.
        too_many: bool,
    },
    /// Another device of the same person brought it.
    Link {
        /// The person's name.
        by: String,
        /// Whether it is this person.
        own: bool,
    },
}

/// That a device is a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Visit {
    /// When its time ends, in milliseconds since 1970.
    pub until: u64,
    /// Whether that has passed: it is served by nobody any more.
    pub over: bool,
}

impl Came {
    /// The same in plain words; `name` writes a name as it may be shown.
    #[must_use]
    pub fn words(&self, name: impl Fn(&str) -> String) -> String {
        match self {
            Self::Founding => "made the room".to_owned(),
            Self::Owner => "added by an owner".to_owned(),
            Self::Code { by, own, late, too_many } => {
                let mut words = match by {
                    _ if *own => "joined by your code".to_owned(),
                    Some(by) => format!("joined by the code of {}", name(by)),
                    None => "joined by a code".to_owned(),
                };
                // A machine that was away hears late of who came in time, so this says no more than it knows.
                if *late {
                    words.push_str(", heard of after the code had ended");
                }
                if *too_many {
                    words.push_str(", more than the code allows");
                }
                words
            }
            Self::Link { own: true, .. } => "linked by you".to_owned(),
            Self::Link { by, own: false } => format!("linked by {}", name(by)),
        }
    }

    /// Whether there is something to be careful about.
    #[must_use]
    pub const fn is_odd(&self) -> bool {
        matches!(self, Self::Code { late: true, .. } | Self::Code { too_many: true, .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_reads_how_somebody_came() {
        let code =
            |by: Option<&str>, own, late, too_many| Came::Code { by: by.map(str::to_owned), own, late, too_many };
        let link = |own| Came::Link { by: "Ben".to_owned(), own };
        for (came, words) in [
            (Came::Founding, "made the room"),
            (Came::Owner, "added by an owner"),
            (code(Some("Anna"), false, false, false), "joined by the code of <Anna>"),
            (code(Some("Anna"), true, false, false), "joined by your code"),
            (code(None, false, false, false), "joined by a code"),
            (code(Some("Anna"), false, true, false), "joined by the code of <Anna>, heard of after the code had ended"),
            (code(Some("Anna"), false, false, true), "joined by the code of <Anna>, more than the code allows"),
            (link(false), "linked by <Ben>"),
            (link(true), "linked by you"),
        ] {
            assert_eq!(came.words(|name| format!("<{name}>")), words);
        }
        assert!(code(None, false, true, false).is_odd() && code(None, false, false, true).is_odd());
        assert!(!code(None, false, false, false).is_odd() && !link(false).is_odd());
    }
}
