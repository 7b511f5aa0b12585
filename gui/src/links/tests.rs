//! Links as people write them, and as others write them to deceive.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use super::*;

fn found(text: &str) -> Vec<&str> {
    find(text).into_iter().map(|range| &text[range]).collect()
}

fn doubts(link: &str) -> Vec<Doubt> {
    Target::of(link).unwrap().doubts
}

#[test]
fn links_end_before_closing_punctuation() {
    let text = "see https://a.b/c. (or http://x.y/z_(q)), https:// no";
    assert_eq!(found(text), ["https://a.b/c", "http://x.y/z_(q)"]);
    assert_eq!(
        found("[https://a.b/c] {https://a.b/d}; *https://a.b/e*"),
        ["https://a.b/c", "https://a.b/d", "https://a.b/e"]
    );
}

#[test]
fn punctuation_and_brackets_of_all_scripts_stay_outside() {
    for (before, after) in [
        ("「", "」"),
        ("（", "）。"),
        ("«", "»"),
        ("„", "“"),
        ("", "。次は"),
        ("", "،"),
        ("", "؟"),
        ("", "।"),
        ("", "…"),
        ("", "、と"),
        ("【", "】"),
        ("‹", "›"),
        ("", "–"),
    ] {
        let text = format!("{before}https://a.example/c{after}");
        assert_eq!(found(&text), ["https://a.example/c"], "{text}");
    }
}

#[test]
fn a_text_of_many_scripts_keeps_its_links() {
    assert_eq!(found("täglich → https://例え.jp/ä🎉 danach"), ["https://例え.jp/ä🎉"]);
    assert_eq!(found("見てhttps://a.example/c–d/e"), ["https://a.example/c–d/e"]);
}

#[test]
fn links_may_begin_with_capitals_and_need_a_beginning_of_their_own() {
    assert_eq!(
        found("Https://a.example HTTP://b.example MailTo:ann@a.example"),
        ["Https://a.example", "HTTP://b.example", "MailTo:ann@a.example"]
    );
    assert_eq!(found("xhttps://a.example ftp://a.example file:///etc/passwd javascript:alert(1)"), Vec::<&str>::new());
}

#[test]
fn nothing_but_web_pages_and_mail_is_opened() {
    for good in ["https://a.example", "http://a.example:8080/", "mailto:ann@a.example", "HTTPS://A.EXAMPLE"] {
        assert!(may_open(good), "{good}");
    }
    for bad in [
        "file:///etc/passwd",
        "javascript:alert(1)",
        "smb://a.example/share",
        "data:text/html,x",
        "parlor:7KQ2",
        "ms-msdt:/id",
        "https:",
        "",
    ] {
        assert!(!may_open(bad), "{bad}");
        assert_eq!(Target::of(bad), None, "{bad}");
    }
}

#[test]
fn a_plain_link_is_opened_without_asking() {
    for plain in [
        "https://a.example/c?d=e#f",
        "http://192.168.1.5/",
        "https://münchen.example/",
        "https://例え.jp/ä",
        "https://правда.example/",
        "https://a.example:443/",
        "mailto:ann@a.example",
        "HTTPS://A.Example/",
    ] {
        assert_eq!(doubts(plain), [], "{plain}");
    }
}

#[test]
fn what_could_deceive_is_named() {
    assert_eq!(doubts("https://bank.example@evil.example/"), [Doubt::UserInfo]);
    assert_eq!(doubts("https://bank.example:secret@evil.example/"), [Doubt::UserInfo]);
    assert_eq!(doubts("https://@evil.example/"), [Doubt::UserInfo]);
    assert_eq!(doubts("https://a.example:8443/"), [Doubt::Port]);
    assert_eq!(doubts("https://p\u{430}ypal.example/"), [Doubt::LookAlike]);
    assert_eq!(doubts("https://\u{430}\u{440}\u{440}\u{4cf}\u{435}.example/"), [Doubt::LookAlike], "all of one script");
    assert_eq!(doubts("https://xn--80ak6aa92e.example/"), [Doubt::LookAlike], "the same, already in plain letters");
    assert_eq!(doubts("https://0x7f.1/"), [Doubt::LookAlike]);
    assert_eq!(doubts("https://2130706433/"), [Doubt::LookAlike]);
    assert_eq!(doubts("https://\u{ff45}xample.com/"), [Doubt::LookAlike]);
    assert_eq!(doubts("https://a.example/\u{202e}gpj.exe"), [Doubt::Invisible]);
    assert_eq!(doubts("https://ex\u{ad}ample.com/"), [Doubt::Invisible, Doubt::LookAlike]);
    assert_eq!(doubts("mailto:\u{430}nn@a.example"), [Doubt::LookAlike]);
}

#[test]
fn the_real_host_is_known_in_its_own_letters_and_in_plain_ones() {
    let target = Target::of("https://bank.example@p\u{430}ypal.example:8443/x").unwrap();
    assert_eq!(target.host, "p\u{430}ypal.example");
    assert_eq!(target.ascii, "xn--pypal-4ve.example");
    assert_eq!(target.doubts, [Doubt::LookAlike, Doubt::UserInfo, Doubt::Port]);
    assert!(target.url.is_ascii());
    let back = Target::of("https:\\\\a.example\\@evil.example/").unwrap();
    assert_eq!(back.host, "a.example", "a browser takes it so");
}

#[test]
fn any_text_has_links_within_it_or_none() {
    for text in [
        "https://",
        "https://.",
        "https://é",
        "\u{200b}https://a\u{300}.b",
        "mailto:",
        "http://[::1]:80/)",
        "http://%/",
    ] {
        for range in find(text) {
            assert!(text.get(range).is_some(), "{text}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn any_text_survives(text in "(https?://|mailto:|[a-z.@:/]|\\PC){0,40}") {
        for range in find(&text) {
            proptest::prop_assert!(text.get(range).is_some_and(|link| Target::of(link).is_some()));
        }
    }
}
