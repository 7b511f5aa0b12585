//! What devices say to a network about themselves, and what is heard of others.

use libp2p::Multiaddr;
use parlor_protocol::DeviceId;

use super::{
    config::InterfaceFilter,
    interfaces::{Interface, InterfaceKind},
    learnt::{self, Source},
    listen::Chosen,
};

/// An address that was announced, and where that was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The address.
    pub address: Multiaddr,
    /// The names of the interfaces that the announcement came by; none where that is not known.
    pub interfaces: Vec<String>,
}

impl Heard {
    /// Whether the address lies in the network of the card that heard of it (of any card, where that is not
    /// known), so that it may be dialed. `interfaces` are the machine's, `filter` says which take part.
    #[must_use]
    pub fn is_near(&self, interfaces: &[Interface], filter: &InterfaceFilter) -> bool {
        let may_hear = |card: &&Interface| match card.kind {
            InterfaceKind::Loopback => filter.include.contains(&card.name) && filter.allows(&card.name),
            _ => filter.allows(&card.name),
        };
        let heard = |card: &&Interface| self.interfaces.is_empty() || self.interfaces.contains(&card.name);
        let cards: Vec<_> = interfaces.iter().filter(may_hear).filter(heard).collect();
        learnt::may_dial(&self.address, Source::Announced { heard_by: &cards })
    }
}

/// What discovery reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A device announces itself.
    Here {
        /// The device, as it says.
        device: DeviceId,
        /// Its addresses, as it says.
        addresses: Vec<Heard>,
        /// Whether it says that it is an archive.
        archive: bool,
    },
    /// An announcement was withdrawn or expired.
    Gone(DeviceId),
    /// More was announced than is worth remembering: somebody makes machines up. Begin anew.
    Flooded,
}

/// What a device announces about itself.
pub(super) struct Announcement {
    pub(super) device: DeviceId,
    pub(super) ports: Chosen,
    pub(super) archive: bool,
}
