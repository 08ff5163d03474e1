//! Networks, by which attempts are counted.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

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
            IpAddr::V6(address) => mask(address, 64),
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

    /// Returns the prefix of a tier that contains the network; `None` if an IPv4 address has none.
    #[must_use]
    pub fn prefix(self, tier: NetworkTier) -> Option<Prefix> {
        let address = match (self.0, tier) {
            (address, NetworkTier::Network) => address,
            (IpAddr::V4(_), NetworkTier::Slash56 | NetworkTier::Slash48) => return None,
            (IpAddr::V6(address), NetworkTier::Slash56) => mask(address, 56),
            (IpAddr::V6(address), NetworkTier::Slash48) => mask(address, 48),
        };
        Some(Prefix {
            network: Self(address),
            tier,
        })
    }

    /// Returns the prefixes that contain the network, narrowest first.
    pub fn prefixes(self) -> impl Iterator<Item = Prefix> {
        let tiers = NetworkTier::ALL.into_iter();
        tiers.filter_map(move |tier| self.prefix(tier))
    }
}

fn mask(address: Ipv6Addr, length: u32) -> IpAddr {
    let host_bits = Ipv6Addr::BITS - length;
    Ipv6Addr::from_bits(address.to_bits() >> host_bits << host_bits).into()
}

/// The part of a client's address by which failures are counted.
///
/// Providers assign a /56 or a /48 to one customer (RFC 6177), who can choose any /64 within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NetworkTier {
    /// The [`Network`] itself.
    Network,
    /// The IPv6 /56 that contains it.
    Slash56,
    /// The IPv6 /48 that contains it.
    Slash48,
}

impl NetworkTier {
    /// All tiers, narrowest first.
    pub const ALL: [Self; 3] = [Self::Network, Self::Slash56, Self::Slash48];

    /// The bytes of an IPv6 prefix.
    fn ipv6_bytes(self) -> usize {
        match self {
            Self::Network => 8,
            Self::Slash56 => 7,
            Self::Slash48 => 6,
        }
    }
}

/// A network, or the IPv6 /56 or /48 that contains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Prefix {
    /// The first network in the prefix.
    network: Network,
    tier: NetworkTier,
}

impl Prefix {
    /// Returns the bytes for the store: 4 of an IPv4 address, or 8, 7 or 6 of an IPv6 prefix.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        let mut bytes = self.network.to_bytes();
        bytes.truncate(self.tier.ipv6_bytes());
        bytes
    }

    /// Reads bytes from the store; returns `None` if their number is wrong.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let tier = match bytes.len() {
            4 | 8 => NetworkTier::Network,
            7 => NetworkTier::Slash56,
            6 => NetworkTier::Slash48,
            _ => return None,
        };
        let mut network = bytes.to_vec();
        if tier != NetworkTier::Network {
            network.resize(8, 0);
        }
        Network::from_bytes(&network)?.prefix(tier)
    }
}

impl From<Network> for Prefix {
    fn from(network: Network) -> Self {
        Self {
            network,
            tier: NetworkTier::Network,
        }
    }
}

impl From<IpAddr> for Prefix {
    fn from(address: IpAddr) -> Self {
        Network::from(address).into()
    }
}

/// The error for text that is neither an address nor an IPv6 prefix of a counted length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected an address such as 192.0.2.7 or 2001:db8::7, or an IPv6 prefix with /48, /56 or /64 such as 2001:db8::/48"
)]
pub struct PrefixError;

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let (address, tier) = match text.split_once('/') {
            None => (text, NetworkTier::Network),
            Some((address, length)) if address.contains(':') => match length {
                "64" => (address, NetworkTier::Network),
                "56" => (address, NetworkTier::Slash56),
                "48" => (address, NetworkTier::Slash48),
                _ => return Err(PrefixError),
            },
            Some(_) => return Err(PrefixError),
        };
        let address: IpAddr = address.parse().map_err(|_| PrefixError)?;
        Network::from(address).prefix(tier).ok_or(PrefixError)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.tier, self.network.0) {
            (NetworkTier::Network, _) => self.network.fmt(f),
            (NetworkTier::Slash56, address) => write!(f, "{address}/56"),
            (NetworkTier::Slash48, address) => write!(f, "{address}/48"),
        }
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

    #[test]
    fn ipv6_network_is_in_a_56_and_a_48() {
        let prefixes = |text: &str| {
            let prefixes = network(text).prefixes();
            prefixes
                .map(|prefix| prefix.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            prefixes("2001:db8:1:2345::7"),
            [
                "2001:db8:1:2345::/64",
                "2001:db8:1:2300::/56",
                "2001:db8:1::/48"
            ]
        );
        assert_eq!(prefixes("192.0.2.7"), ["192.0.2.7"]);
    }

    #[test]
    fn prefix_is_parsed_from_an_address_or_with_a_counted_length() {
        for (typed, shown) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8::7", "2001:db8::/64"),
            ("2001:db8::/64", "2001:db8::/64"),
            ("2001:db8:0:fff::/56", "2001:db8:0:f00::/56"),
            ("2001:db8:0:fff::/48", "2001:db8::/48"),
        ] {
            assert_eq!(typed.parse::<Prefix>().unwrap().to_string(), shown);
        }
        for typed in [
            "",
            "localhost",
            "192.0.2.7/32",
            "2001:db8::/32",
            "2001:db8::/",
            "2001:db8::/048",
            "::ffff:192.0.2.7/48",
        ] {
            assert_eq!(typed.parse::<Prefix>(), Err(PrefixError), "{typed}");
        }
    }

    proptest! {
        #[test]
        fn prefix_round_trips_through_bytes_and_text(v4: [u8; 4], v6: [u8; 16]) {
            // An IPv4-mapped address is not an IPv6 network.
            prop_assume!(v6[..12] != [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]);
            let networks = [IpAddr::from(v4), IpAddr::from(v6)].map(Network::from);
            for prefix in networks.into_iter().flat_map(Network::prefixes) {
                prop_assert_eq!(Prefix::from_bytes(&prefix.to_bytes()), Some(prefix));
                prop_assert_eq!(prefix.to_string().parse(), Ok(prefix));
            }
        }

        #[test]
        fn network_round_trips_through_its_bytes(v4: [u8; 4], v6: [u8; 16]) {
            for network in [Network::from(IpAddr::from(v4)), Network::from(IpAddr::from(v6))] {
                prop_assert_eq!(Network::from_bytes(&network.to_bytes()), Some(network));
            }
        }
    }
}
