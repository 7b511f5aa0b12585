//! Who has a place at the web server: connections of browsers, and their tunnels. Pure: time is an argument.
//!
//! Nobody knows who a browser is before it has opened a tunnel and shown its key. So places are shared by
//! address: whoever has most gives way to whoever has fewer, and who did nothing for longest gives way first.
//! Tunnels of known devices are left alone.

use parlor_node::net::Source;
use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

/// For so long a place is kept against others like it: time to load a page, or to show a key.
const GRACE: Duration = Duration::from_secs(5);

/// What may give way, and how it is told.
pub(super) trait Holder {
    /// Whether it has a place of its own, which nobody takes.
    fn is_known(&self) -> bool;
    /// When it did something last.
    fn active(&self) -> Instant;
    /// It has no place any more.
    fn give_way(self);
}

#[derive(Debug)]
struct Held<T> {
    source: Option<Source>,
    since: Instant,
    holder: T,
}

/// Places, so many in all and so many for one address. Without an address (behind a proxy that does not
/// tell) only the first counts.
#[derive(Debug)]
pub(super) struct Places<T> {
    most: usize,
    of_source: usize,
    held: BTreeMap<u64, Held<T>>,
    next: u64,
}

impl<T: Holder> Places<T> {
    pub(super) fn new(most: usize, of_source: usize) -> Self {
        Self { most, of_source, held: BTreeMap::new(), next: 0 }
    }

    /// Takes a place. `None` when there is none, or the number under which it is given back.
    pub(super) fn take(&mut self, source: Option<Source>, holder: T, now: Instant) -> Option<u64> {
        let mut counts: HashMap<Option<Source>, usize> = HashMap::new();
        for held in self.held.values().filter(|held| !held.holder.is_known()) {
            *counts.entry(held.source).or_default() += 1;
        }
        let count = |source: &Option<Source>| counts.get(source).copied().unwrap_or_default();
        let own = count(&source);
        if source.is_some() && own >= self.of_source {
            self.make_way(|held| held.source == source && now.saturating_duration_since(held.since) >= GRACE)?;
        } else if counts.values().sum::<usize>() >= self.most {
            let has_more = |held: &Held<T>| held.source.is_some() && count(&held.source) > own + 1;
            let had_its_time = |held: &Held<T>| now.saturating_duration_since(held.since) >= GRACE;
            match self.held.values().any(|held| !held.holder.is_known() && has_more(held)) {
                true => self.make_way(has_more)?,
                false => self.make_way(had_its_time)?,
            }
        }
        let number = self.next;
        self.next += 1;
        self.held.insert(number, Held { source, since: now, holder });
        Some(number)
    }

    /// Of those that may give way the one that did nothing for longest does.
    fn make_way(&mut self, may: impl Fn(&Held<T>) -> bool) -> Option<()> {
        let candidates = self.held.iter().filter(|(_, held)| !held.holder.is_known() && may(held));
        let number =
            candidates.min_by_key(|(number, held)| (held.holder.active(), **number)).map(|(number, _)| *number)?;
        self.held.remove(&number)?.holder.give_way();
        Some(())
    }

    /// Gives a place back; one that gave way has none.
    pub(super) fn leave(&mut self, number: u64) {
        self.held.remove(&number);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::{cell::RefCell, rc::Rc};

    #[derive(Debug)]
    struct One {
        name: usize,
        known: bool,
        active: Instant,
        gone: Rc<RefCell<Vec<usize>>>,
    }

    impl Holder for One {
        fn is_known(&self) -> bool {
            self.known
        }

        fn active(&self) -> Instant {
            self.active
        }

        fn give_way(self) {
            self.gone.borrow_mut().push(self.name);
        }
    }

    struct Crowd {
        places: Places<One>,
        gone: Rc<RefCell<Vec<usize>>>,
        next: usize,
        now: Instant,
    }

    impl Crowd {
        fn new() -> Self {
            Self { places: Places::new(12, 4), gone: Rc::default(), next: 0, now: Instant::now() }
        }

        fn comes(&mut self, from: u8, known: bool) -> Option<usize> {
            self.next += 1;
            let one = One { name: self.next, known, active: self.now, gone: Rc::clone(&self.gone) };
            let source = Some(Source::of([10, 0, 0, from].into()));
            self.places.take(source, one, self.now).map(|_| self.next)
        }
    }

    #[test]
    fn one_address_has_only_so_many_and_keeps_nobody_out() {
        let mut crowd = Crowd::new();
        assert_eq!((0..100).filter(|_| crowd.comes(1, false).is_some()).count(), 4);
        assert!((2..10).all(|from| crowd.comes(from, false).is_some()));
        assert!(crowd.comes(20, false).is_some(), "whoever has four gives way");
        assert_eq!(crowd.gone.borrow().as_slice(), [1], "the longest idle of them");
        assert!(crowd.places.held.len() <= 12);
    }

    #[test]
    fn whoever_is_idle_gives_way_after_a_while_also_where_everybody_has_one() {
        let mut crowd = Crowd::new();
        assert!((0..12).all(|from| crowd.comes(from, false).is_some()));
        assert!(crowd.comes(50, false).is_none());
        crowd.now += GRACE;
        assert!(crowd.comes(50, false).is_some());
        assert_eq!(crowd.gone.borrow().len(), 1);
    }

    #[test]
    fn known_devices_are_left_alone_and_take_nobodys_place() {
        let mut crowd = Crowd::new();
        let known: Vec<_> = (0..12).filter_map(|from| crowd.comes(from, true)).collect();
        assert_eq!(known.len(), 12);
        crowd.now += GRACE * 100;
        (0..200).for_each(|from| {
            crowd.comes(from, false);
        });
        crowd.now += GRACE * 100;
        (0..200).for_each(|from| {
            crowd.comes(from, false);
        });
        assert!(crowd.gone.borrow().iter().all(|name| !known.contains(name)));
    }

    #[test]
    fn a_place_that_is_given_back_is_free() {
        let mut crowd = Crowd::new();
        let numbers: Vec<_> = crowd.places.held.keys().copied().collect();
        assert!(numbers.is_empty());
        (0..4).for_each(|_| assert!(crowd.comes(1, false).is_some()));
        assert!(crowd.comes(1, false).is_none());
        let first = *crowd.places.held.keys().next().unwrap();
        crowd.places.leave(first);
        assert!(crowd.comes(1, false).is_some() && crowd.gone.borrow().is_empty());
    }
}
