//! Networks, by which attempts are counted.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The network of a client: an IPv4 address, or the /64 of an IPv6 address.
///
/// A customer or local network has a /64 (RFC 6177, RFC 7421), and a client can use any address within it. An
/// IPv4-mapped IPv6 address (`::ffff:192.0.2.1`) is the IPv4 address that it contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                let prefix = address.to_bits() >> 64 << 64;
                IpAddr::V6(Ipv6Addr::from_bits(prefix))
            }
        })
    }
}

impl Network {
    /// Returns the bytes for the store: 4, or the first 8 of an IPv6 address.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        match self.0 {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets()[..8].to_vec(),
        }
    }

    /// Reads bytes from the store; returns `None` if their number is wrong.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
            return Some(Self(Ipv4Addr::from(bytes).into()));
        }
        let prefix = u64::from_be_bytes(bytes.try_into().ok()?);
        Some(Self(Ipv6Addr::from_bits(u128::from(prefix) << 64).into()))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => address.fmt(f),
            IpAddr::V6(address) => write!(f, "{address}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn network(text: &str) -> Network {
        text.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn network_is_an_ipv4_address_or_an_ipv6_64() {
        let shown = |text: &str| network(text).to_string();
        assert_eq!(shown("192.0.2.1"), "192.0.2.1");
        assert_eq!(shown("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(shown("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:ffff:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(Network::from_bytes(&[1, 2, 3]), None);
    }

    proptest! {
        #[test]
        fn network_round_trips_through_its_bytes(v4: [u8; 4], v6: [u8; 16]) {
            for network in [Network::from(IpAddr::from(v4)), Network::from(IpAddr::from(v6))] {
                prop_assert_eq!(Network::from_bytes(&network.to_bytes()), Some(network));
            }
        }
    }
}
