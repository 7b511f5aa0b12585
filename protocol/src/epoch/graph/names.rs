//! Who is mentioned in which records, and as what. Every device and every person is kept once, however
//! many records name it: what a record adds is a few bytes for each name.

use indexmap::IndexMap;
use std::hash::Hash;

/// The number of a record in its graph, made small. The graph has no more places than fit.
type Place = u16;

const _: () = assert!(crate::limits::EPOCHS_MAX <= Place::MAX as usize);

/// It wrote the record, or its device did.
pub(super) const WROTE: u8 = 1;
/// The record removes it.
pub(super) const REMOVED: u8 = 2;
/// It gets the key.
pub(super) const KEYED: u8 = 4;
/// The record says where a log of it ended.
pub(super) const HEADED: u8 = 8;
/// It becomes an owner.
pub(super) const ADDED: u8 = 16;
/// It is an owner no longer.
pub(super) const DROPPED: u8 = 32;

/// The records that mention somebody, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Mentions {
    records: Vec<(Place, u8)>,
    /// As what any record mentions it.
    ever: u8,
}

impl Mentions {
    fn note(&mut self, at: usize, role: u8) {
        let Ok(place) = Place::try_from(at) else { return };
        self.ever |= role;
        match self.records.last_mut() {
            Some((last, roles)) if *last == place => *roles |= role,
            _ => self.records.push((place, role)),
        }
    }

    /// As what one record mentions it.
    pub(super) fn roles(&self, at: usize) -> u8 {
        let found = self.records.binary_search_by_key(&at, |(place, _)| usize::from(*place));
        found.ok().and_then(|found| self.records.get(found)).map_or(0, |(_, roles)| *roles)
    }

    /// The records that mention it so, in the order in which they came.
    pub(super) fn of(&self, role: u8) -> impl DoubleEndedIterator<Item = usize> + '_ {
        let records = if self.ever & role == 0 { [].as_slice() } else { self.records.as_slice() };
        records.iter().filter(move |(_, roles)| roles & role != 0).map(|(place, _)| usize::from(*place))
    }

    /// Whether any record mentions it so.
    pub(super) const fn ever(&self, role: u8) -> bool {
        self.ever & role != 0
    }
}

/// Everybody of one kind who is mentioned, each with a number.
#[derive(Debug)]
pub(super) struct Names<Id>(IndexMap<Id, Mentions>);

impl<Id> Default for Names<Id> {
    fn default() -> Self {
        Self(IndexMap::new())
    }
}

impl<Id: Copy + Eq + Hash> Names<Id> {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The number of somebody, who is kept from now on.
    pub(super) fn number(&mut self, id: Id) -> usize {
        self.0.entry(id).or_default();
        self.0.get_index_of(&id).unwrap_or_default()
    }

    pub(super) fn find(&self, id: Id) -> Option<usize> {
        self.0.get_index_of(&id)
    }

    pub(super) fn id(&self, number: usize) -> Option<Id> {
        self.0.get_index(number).map(|(id, _)| *id)
    }

    pub(super) fn mentions(&self, id: Id) -> Option<&Mentions> {
        self.0.get(&id)
    }

    pub(super) fn mentions_of(&self, number: usize) -> Option<&Mentions> {
        self.0.get_index(number).map(|(_, mentions)| mentions)
    }

    /// Notes that a record mentions somebody; gives the number.
    pub(super) fn note(&mut self, id: Id, at: usize, role: u8) -> u32 {
        let entry = self.0.entry(id);
        let number = entry.index();
        entry.or_default().note(at, role);
        // There is no place for as many names as this has numbers.
        u32::try_from(number).unwrap_or(u32::MAX)
    }

    /// Everybody whom any record mentions so.
    pub(super) fn ever(&self, role: u8) -> impl Iterator<Item = (Id, &Mentions)> + '_ {
        self.0.iter().filter(move |(_, mentions)| mentions.ever(role)).map(|(id, mentions)| (*id, mentions))
    }
}
