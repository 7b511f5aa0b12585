//! Where a connection comes from, as limits count it.

use std::{fmt, net::IpAddr};

/// An address that limits count by: keys cost nothing, addresses are few. An IPv4 address counts by
/// itself, an IPv6 address with its network of 64 bits, in which a machine may take any address
/// (RFC 4291, section 2.5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source(IpAddr);

impl Source {
    /// What an address counts as.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self(ip.into()),
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                Self(std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
            }
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(ip) => write!(f, "{ip}"),
            IpAddr::V6(ip) => write!(f, "{ip}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_machine_is_one_source_whatever_it_calls_itself_in_its_network() {
        let of = |ip: &str| Source::of(ip.parse().unwrap());
        assert_ne!(of("192.168.1.5"), of("192.168.1.6"));
        assert_eq!(of("192.168.1.5"), of("::ffff:192.168.1.5"));
        assert_eq!(of("fd00:1:2:3::1"), of("fd00:1:2:3:ffff::2"));
        assert_ne!(of("fd00:1:2:3::1"), of("fd00:1:2:4::1"));
        assert_eq!(of("fd00:1:2:3::1").to_string(), "fd00:1:2:3::/64");
    }
}
