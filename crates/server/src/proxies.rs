//! The reverse proxies whose headers about clients are trusted.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// The networks of trusted proxies; none by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// The error for text that is not a list of networks.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustedProxiesError {
    /// An item is not a network.
    #[error(
        "expected addresses and networks such as 192.0.2.7, 192.0.2.0/28 or 2001:db8::7, not {0:?}"
    )]
    NotANetwork(String),
    /// An item contains every address.
    #[error(
        "{0} contains every address, so any client could forge its address; list only your proxies"
    )]
    EveryAddress(IpNet),
}

impl TrustedProxies {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the networks with a prefix shorter than /24 (IPv4) or /64 (IPv6).
    ///
    /// Every host in a trusted network can forge client addresses, and few networks of that size contain only proxies.
    pub(crate) fn wide_networks(&self) -> impl Iterator<Item = &IpNet> {
        self.0.iter().filter(|network| match network {
            IpNet::V4(network) => network.prefix_len() < 24,
            IpNet::V6(network) => network.prefix_len() < 64,
        })
    }

    /// Returns whether a proxy at this address is trusted.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl FromStr for TrustedProxies {
    type Err = TrustedProxiesError;

    fn from_str(text: &str) -> Result<Self, TrustedProxiesError> {
        let items = text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty());
        let networks = items.map(|item| {
            let network = match item.parse::<IpAddr>() {
                // Client addresses are canonical, too: an IPv4-mapped address becomes IPv4.
                Ok(address) => IpNet::from(address.to_canonical()),
                Err(_) => item
                    .parse()
                    .map_err(|_| TrustedProxiesError::NotANetwork(item.to_owned()))?,
            };
            match network.prefix_len() {
                0 => Err(TrustedProxiesError::EveryAddress(network)),
                _ => Ok(network),
            }
        });
        Ok(Self(networks.collect::<Result<_, _>>()?))
    }
}

impl fmt::Display for TrustedProxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, network) in self.0.iter().enumerate() {
            let separator = if index > 0 { "," } else { "" };
            write!(f, "{separator}{network}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_networks_separated_by_commas_are_trusted() {
        let proxies: TrustedProxies = "127.0.0.1, 10.1.0.0/16,2001:db8::/32 ,::ffff:192.0.2.7"
            .parse()
            .unwrap();
        let trusted = |address: &str| proxies.contains(address.parse().unwrap());
        for address in [
            "127.0.0.1",
            "::ffff:127.0.0.1",
            "10.1.255.255",
            "2001:db8:ffff::1",
            "192.0.2.7",
        ] {
            assert!(trusted(address), "{address}");
        }
        for address in ["127.0.0.2", "10.2.0.0", "2001:db9::", "::1", "::127.0.0.1"] {
            assert!(!trusted(address), "{address}");
        }
        assert_eq!("".parse(), Ok(TrustedProxies::default()));
    }

    #[test]
    fn network_below_24_or_64_bits_is_wide() {
        let proxies: TrustedProxies =
            "192.0.2.7, 10.1.0.0/24, 10.0.0.0/23, 2001:db8::/64, 2001:db8::/63"
                .parse()
                .unwrap();
        let wide: Vec<String> = proxies.wide_networks().map(ToString::to_string).collect();
        assert_eq!(wide, ["10.0.0.0/23", "2001:db8::/63"]);
    }

    #[test]
    fn invalid_network_and_network_of_all_addresses_are_errors() {
        let refusals = [
            "localhost",
            "10.0.0.0/33",
            "10.0.0.1-10.0.0.9",
            "1.2.3.4,0.0.0.0/0",
            "::/0",
        ]
        .map(|text| text.parse::<TrustedProxies>().unwrap_err().to_string());
        insta::assert_snapshot!(refusals.join("\n"), @r#"
        expected addresses and networks such as 192.0.2.7, 192.0.2.0/28 or 2001:db8::7, not "localhost"
        expected addresses and networks such as 192.0.2.7, 192.0.2.0/28 or 2001:db8::7, not "10.0.0.0/33"
        expected addresses and networks such as 192.0.2.7, 192.0.2.0/28 or 2001:db8::7, not "10.0.0.1-10.0.0.9"
        0.0.0.0/0 contains every address, so any client could forge its address; list only your proxies
        ::/0 contains every address, so any client could forge its address; list only your proxies
        "#);
    }
}
