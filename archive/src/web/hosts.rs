//! Which names can be this archive's. A website could let its own name lead to an archive (DNS rebinding):
//! then it is of the same origin as the archive's page for every browser, and could use what a browser of the
//! network reaches. So over plain http only names are answered that no website can have.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use std::{net::IpAddr, sync::Arc};

use super::Shared;

/// Endings of names that nobody on the internet can have: RFC 6762, RFC 8375, ICANN's `.internal`, and `.lan` and
/// `.home`, which are not given out.
const LOCAL_ONLY: [&str; 5] = [".local", ".home.arpa", ".internal", ".lan", ".home"];
const UNKNOWN: &str = "This archive does not know the name by which you opened it. Open it by its address, or start it \
                       with --web-host and the name.\n";

/// Answers only who asks for a host that can be this one.
pub(super) async fn check(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    match &shared.hosts {
        Some(hosts) if !is_own(request.headers(), hosts) => unknown(),
        _ => next.run(request).await,
    }
}

/// The answer to who asks for another one.
pub(crate) fn unknown() -> Response {
    (StatusCode::MISDIRECTED_REQUEST, UNKNOWN).into_response()
}

/// Whether the host that is asked for can be this one: an address, a name that no website can have, or one of `hosts`.
pub(crate) fn is_own(headers: &HeaderMap, hosts: &[String]) -> bool {
    // Programs that name no host are no browsers.
    let Some(asked) = headers.get(header::HOST) else { return true };
    let asked = asked.to_str().unwrap_or(".");
    let name = match asked.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => asked.split(':').next().unwrap_or_default(),
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let is_local = !name.contains('.') || LOCAL_ONLY.iter().any(|ending| name.ends_with(ending));
    name.parse::<IpAddr>().is_ok() || is_local || hosts.iter().any(|host| host.eq_ignore_ascii_case(&name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_website_whose_name_leads_here_is_not_the_page() {
        let own = ["chat.example.org".to_owned()];
        let of = |host: &str| HeaderMap::from_iter([(header::HOST, HeaderValue::from_str(host).unwrap())]);
        for good in [
            "192.168.1.5:47803",
            "[fe80::1]:47803",
            "localhost:47803",
            "archive:47803",
            "archive.local:47803",
            "archive.local.:47803",
            "Chat.example.org",
        ] {
            assert!(is_own(&of(good), &own), "{good}");
        }
        for bad in
            ["evil.example:47803", "local.evil.example", "chat.example.org.evil.example", "192.168.1.5.evil.example"]
        {
            assert!(!is_own(&of(bad), &own), "{bad}");
        }
        assert!(is_own(&HeaderMap::new(), &own));
    }
}
