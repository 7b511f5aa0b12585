//! What devices say to a network about themselves, and what is heard of others.

use libp2p::Multiaddr;
use parlor_protocol::DeviceId;

use super::listen::Chosen;

/// What discovery reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A device announces itself.
    Here {
        /// The device, as it says.
        device: DeviceId,
        /// Its addresses.
        addresses: Vec<Multiaddr>,
        /// Whether it says that it is an archive.
        archive: bool,
    },
    /// An announcement was withdrawn or expired.
    Gone(DeviceId),
}

/// What a device announces about itself.
pub(super) struct Announcement {
    pub(super) device: DeviceId,
    pub(super) ports: Chosen,
    pub(super) archive: bool,
}
