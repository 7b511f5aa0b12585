//! Addresses as browsers write them: `ws://192.168.1.5:47803/ws`.

use libp2p::{Multiaddr, multiaddr::Protocol};

/// The address of a WebSocket; none for other multiaddrs.
pub(super) fn websocket_url(address: &Multiaddr) -> Option<String> {
    let mut parts = address.iter();
    let host = match parts.next()? {
        Protocol::Ip4(ip) => ip.to_string(),
        Protocol::Ip6(ip) => format!("[{ip}]"),
        Protocol::Dns(name) | Protocol::Dns4(name) | Protocol::Dns6(name) => name.into_owned(),
        _ => return None,
    };
    let Protocol::Tcp(port) = parts.next()? else { return None };
    let (scheme, path) = match (parts.next()?, parts.next()) {
        (Protocol::Tls, Some(Protocol::Ws(path))) | (Protocol::Wss(path), _) => ("wss", path),
        (Protocol::Ws(path), _) => ("ws", path),
        _ => return None,
    };
    Some(format!("{scheme}://{host}:{port}{path}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn websockets_are_written_as_browsers_write_them_and_other_addresses_are_not() {
        let peer = "12D3KooWGYhnDYLDVwFPdPmKqsU4CfB7CtWX6DjmkHzUr8FJwFne";
        for (address, url) in [
            ("/ip4/192.168.1.5/tcp/47803/x-parlor-ws", None),
            ("/ip4/192.168.1.5/tcp/47803/ws", Some("ws://192.168.1.5:47803/")),
            ("/ip4/192.168.1.5/tcp/47803/x-parlor-ws/%2Fws", None),
            ("/ip6/fd00::1/tcp/443/tls/ws", Some("wss://[fd00::1]:443/")),
            ("/dns/parlor.lan/tcp/443/wss", Some("wss://parlor.lan:443/")),
            ("/dns4/parlor.lan/tcp/1", None),
            ("/ip4/192.168.1.5/udp/1/quic-v1", None),
        ] {
            let Ok(address) = address.parse::<Multiaddr>() else {
                assert!(url.is_none());
                continue;
            };
            assert_eq!(websocket_url(&address).as_deref(), url, "{address}");
            let with_peer = format!("{address}/p2p/{peer}").parse().unwrap();
            assert_eq!(websocket_url(&with_peer).as_deref(), url, "{with_peer}");
        }
        let mut with_path: Multiaddr = "/ip4/192.168.1.5/tcp/47803".parse().unwrap();
        with_path.push(Protocol::Ws("/ws".into()));
        assert_eq!(websocket_url(&with_path).as_deref(), Some("ws://192.168.1.5:47803/ws"));
    }
}
