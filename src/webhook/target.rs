//! The address of a webhook: what is checked of it before it is kept. Pure; where its name leads is checked at each
//! connection (`client.rs`), since that can change at any time.

use std::net::IpAddr;

use reqwest::Url;

use super::address;

/// The longest address, in characters.
const URL_MAX: usize = 2048;

/// A stable code, and a sentence that says what to do.
pub(super) type Wrong = (&'static str, &'static str, String);

/// Which addresses are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// HTTPS on the public internet.
    Public,
    /// Also HTTP, and private addresses: for development and tests.
    Anywhere,
}

impl Reach {
    /// Whether a connection may go to `address`.
    pub(super) fn allows(self, address: IpAddr) -> bool {
        self == Self::Anywhere || address::is_public(address)
    }
}

/// Reads an address, in the form in which it will be called: `0x7f.1` is 127.0.0.1 then.
pub(super) fn parse(text: &str, reach: Reach) -> Result<Url, Wrong> {
    let text = text.trim();
    if text.is_empty() {
        return Err(("/url", "required", "give the https:// address that takes the events".to_owned()));
    }
    let length = text.chars().count();
    if length > URL_MAX {
        return Err(("/url", "too_long", format!("use at most {URL_MAX} characters; these are {length}")));
    }
    let mut url =
        Url::parse(text).map_err(|error| ("/url", "not_a_url", format!("give an https:// address: {error}")))?;
    if url.scheme() != "https" && !(reach == Reach::Anywhere && url.scheme() == "http") {
        return Err(("/url", "not_https", "give an address that begins with https://".to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let says = "leave user and password out: the signature says who sends; a token may stand in the path or query";
        return Err(("/url", "has_credentials", says.to_owned()));
    }
    if literal(&url).is_some_and(|address| !reach.allows(address)) {
        return Err(("/url", "not_public", "give an address of the public internet".to_owned()));
    }
    // It is never sent.
    url.set_fragment(None);
    Ok(url)
}

/// The address that the URL names without a name.
pub(super) fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// All of it that events and logs may tell.
pub(super) fn host(url: &str) -> String {
    Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> &'static str {
        parse(text, Reach::Public).map_or_else(|(_, code, _)| code, |_| "")
    }

    #[test]
    fn good_ones_are_taken_as_they_will_be_called() {
        let of = |text| parse(text, Reach::Public).unwrap().to_string();
        assert_eq!(of(" HTTPS://Example.COM/a?b=c#d "), "https://example.com/a?b=c");
        assert_eq!(of("https://example.com:8443"), "https://example.com:8443/");
        assert_eq!(of("https://134744072/"), "https://8.8.8.8/");
        assert_eq!(of("https://[2606:4700::1]/x"), "https://[2606:4700::1]/x");
        assert_eq!(host("https://example.com:8443/hook?token=secret"), "example.com");
    }

    #[test]
    fn bad_ones_are_told_why() {
        for (text, expected) in [
            ("  ", "required"),
            ("example.com", "not_a_url"),
            ("https://", "not_a_url"),
            ("http://example.com", "not_https"),
            ("ftp://example.com", "not_https"),
            ("file:///etc/passwd", "not_https"),
            ("https://ann@example.com", "has_credentials"),
            ("https://ann:secret@example.com", "has_credentials"),
            ("https://127.0.0.1", "not_public"),
            ("https://2130706433", "not_public"),
            ("https://0x7f.1/", "not_public"),
            ("https://0177.0.0.1/", "not_public"),
            ("https://[::ffff:10.0.0.1]/", "not_public"),
            ("https://169.254.169.254/latest/meta-data", "not_public"),
        ] {
            assert_eq!(code(text), expected, "{text}");
        }
        assert_eq!(code(&format!("https://example.com/{}", "x".repeat(2048))), "too_long");
    }

    #[test]
    fn in_development_anything_may_be_called_but_other_schemes() {
        for text in ["http://127.0.0.1:9/x", "https://localhost/", "http://[::1]/"] {
            assert!(parse(text, Reach::Anywhere).is_ok(), "{text}");
        }
        assert!(parse("ftp://127.0.0.1/", Reach::Anywhere).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_taken_or_refused(text in ".*") {
            let _ = parse(&text, Reach::Public);
            let _ = parse(&format!("https://{text}"), Reach::Public);
        }
    }
}
