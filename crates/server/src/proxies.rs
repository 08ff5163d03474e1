//! Which proxies in front of the server are believed what they say of a client.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// The networks whose proxies are believed; none by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// A text lists no networks.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustedProxiesError {
    /// One is no network.
    #[error(
        "{0:?} is neither an address nor a network; write one like 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32"
    )]
    NoNetwork(String),
    /// One is every network.
    #[error("{0} is every address there is: any client could say it is another; name your proxies")]
    Everybody(IpNet),
}

impl TrustedProxies {
    /// Whether a proxy at this address is believed.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl FromStr for TrustedProxies {
    type Err = TrustedProxiesError;

    /// Reads addresses and networks with commas between them.
    fn from_str(text: &str) -> Result<Self, TrustedProxiesError> {
        let items = text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty());
        let networks = items.map(|item| {
            let network = match item.parse::<IpAddr>() {
                // As clients' addresses are compared: IPv4 is IPv4, however it is written.
                Ok(address) => IpNet::from(address.to_canonical()),
                Err(_) => item
                    .parse()
                    .map_err(|_| TrustedProxiesError::NoNetwork(item.to_owned()))?,
            };
            match network.prefix_len() {
                0 => Err(TrustedProxiesError::Everybody(network)),
                _ => Ok(network),
            }
        });
        Ok(Self(networks.collect::<Result<_, _>>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_networks_are_listed_with_commas() {
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
    fn what_is_no_network_is_refused_and_so_is_the_whole_internet() {
        let refusals = [
            "localhost",
            "10.0.0.0/33",
            "10.0.0.1-10.0.0.9",
            "1.2.3.4,0.0.0.0/0",
            "::/0",
        ]
        .map(|text| text.parse::<TrustedProxies>().unwrap_err().to_string());
        insta::assert_snapshot!(refusals.join("\n"), @r#"
        "localhost" is neither an address nor a network; write one like 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32
        "10.0.0.0/33" is neither an address nor a network; write one like 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32
        "10.0.0.1-10.0.0.9" is neither an address nor a network; write one like 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32
        0.0.0.0/0 is every address there is: any client could say it is another; name your proxies
        ::/0 is every address there is: any client could say it is another; name your proxies
        "#);
    }
}
