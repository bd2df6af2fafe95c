//! The address of the client, as far as it can be trusted.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};
use ipnet::IpNet;

/// The client's address: the peer's, or, when the peer is a trusted proxy, the rightmost entry of `X-Forwarded-For`
/// that is not one. What stands further left was written by the client and may be anything.
pub fn address(headers: &HeaderMap, peer: IpAddr, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    let mut current = canonical(peer);
    let entries = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<_> = entries.flat_map(|value| value.split(',')).map(str::trim).collect();
    for hop in hops.into_iter().rev() {
        if !is_trusted(&current) {
            break;
        }
        let Some(previous) = parse(hop) else { break };
        current = previous;
    }
    current
}

fn parse(hop: &str) -> Option<IpAddr> {
    let address = hop.parse::<IpAddr>().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|socket| socket.ip()))?;
    Some(canonical(address))
}

/// IPv4 inside IPv6 is IPv4.
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// What limits count an address as: a whole /64 for IPv6, since one subscriber has that many addresses.
pub fn limit_key(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits() & (u128::MAX << 64),
    }
}

/// The peer of the connection; loopback when there is none, as in a test without a server.
pub(super) fn peer(extensions: &Extensions) -> IpAddr {
    let info = extensions.get::<ConnectInfo<SocketAddr>>();
    info.map_or(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), |ConnectInfo(peer)| peer.ip())
}

/// The client's address as the middleware found it.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let found = parts.extensions.get::<Self>().copied();
        Ok(found.unwrap_or_else(|| Self(peer(&parts.extensions))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(forwarded: &[&str], peer: &str) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        address(&headers, peer.parse().unwrap(), &trusted).to_string()
    }

    #[test]
    fn a_forged_entry_on_the_left_is_never_taken() {
        assert_eq!(of(&["1.1.1.1, 203.0.113.9"], "10.0.0.1"), "203.0.113.9");
        assert_eq!(of(&["1.1.1.1", "203.0.113.9, 10.0.0.2"], "10.0.0.1"), "203.0.113.9");
    }

    #[test]
    fn an_untrusted_peer_speaks_for_itself() {
        assert_eq!(of(&["1.1.1.1"], "203.0.113.9"), "203.0.113.9");
        assert_eq!(of(&[], "10.0.0.1"), "10.0.0.1");
        assert_eq!(of(&["rubbish"], "10.0.0.1"), "10.0.0.1");
        assert_eq!(of(&["1.1.1.1"], "::ffff:10.0.0.1"), "1.1.1.1");
    }

    #[test]
    fn one_subscriber_of_ipv6_is_one_key() {
        let key = |text: &str| limit_key(text.parse().unwrap());
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
    }
}
