//! Where a peer is, as limits see it. Keys cost nothing and addresses of one network little, so what is
//! counted is what a stranger has to bring most of.

use std::net::{IpAddr, Ipv4Addr};

/// An IPv4 address, or the network of 64 bits that one household or one machine has of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) enum Source {
    /// No address is known: all of these count as one.
    #[default]
    Unknown,
    /// One address.
    V4(Ipv4Addr),
    /// The first 64 bits (RFC 4291, section 2.5.4).
    V6([u8; 8]),
}

impl From<Option<IpAddr>> for Source {
    fn from(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            None => Self::Unknown,
            Some(IpAddr::V4(address)) => Self::V4(address),
            Some(IpAddr::V6(address)) => Self::V6(address.octets().first_chunk::<8>().copied().unwrap_or_default()),
        }
    }
}

impl Source {
    /// Its bytes, different for all.
    pub(crate) fn bytes(self) -> Vec<u8> {
        match self {
            Self::Unknown => Vec::new(),
            Self::V4(address) => address.octets().to_vec(),
            Self::V6(network) => network.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses_of_one_ipv6_network_are_one_and_mapped_ones_are_ipv4() {
        let of = |text: &str| Source::from(Some(text.parse::<IpAddr>().unwrap()));
        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_ne!(Source::Unknown.bytes(), of("192.0.2.1").bytes());
    }
}
