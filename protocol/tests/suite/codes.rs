//! Room codes: typing tolerance, the two check symbols, strangers' input.

use crate::fixtures::rng;
use parlor_protocol::{
    RoomCode,
    code::{CODE_GROUP, CODE_SYMBOLS, read_typed},
    error::CodeError,
};
use proptest::prelude::*;

const ALPHABET: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

fn code(seed: u64) -> RoomCode {
    RoomCode::random(&mut rng(seed))
}

/// The 18 symbols without dashes.
fn bare(code: &RoomCode) -> Vec<u8> {
    code.to_string().bytes().filter(|b| *b != b'-').collect()
}

fn read(symbols: &[u8]) -> Result<RoomCode, CodeError> {
    String::from_utf8(symbols.to_vec()).unwrap().parse()
}

#[test]
fn a_code_is_four_groups_of_four_and_two_check_symbols() {
    let text = code(1).to_string();
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    assert_eq!(lengths, [4, 4, 4, 4, 2]);
    assert_eq!(CODE_SYMBOLS, 18);
}

#[test]
fn every_single_wrong_symbol_is_located() {
    for seed in 0..8 {
        let symbols = bare(&code(seed));
        for at in 0..CODE_SYMBOLS {
            for wrong in ALPHABET.iter().filter(|wrong| **wrong != symbols[at]) {
                let mut typed = symbols.clone();
                typed[at] = *wrong;
                let expected = CodeError::Mistyped { group: at / CODE_GROUP + 1, symbol: at % CODE_GROUP + 1 };
                assert_eq!(read(&typed), Err(expected), "symbol {at} as {wrong}");
            }
        }
    }
}

#[test]
fn every_swap_of_neighbours_is_noticed() {
    for seed in 0..64 {
        let symbols = bare(&code(seed));
        for at in 1..CODE_SYMBOLS {
            let mut typed = symbols.clone();
            typed.swap(at - 1, at);
            assert!(typed == symbols || read(&typed).is_err(), "swap at {at}");
        }
    }
}

#[test]
fn any_two_wrong_symbols_are_noticed() {
    let symbols = bare(&code(3));
    for (a, b) in (0..CODE_SYMBOLS).flat_map(|a| (0..a).map(move |b| (a, b))) {
        for (x, y) in ALPHABET.iter().flat_map(|x| ALPHABET.iter().map(move |y| (*x, *y))) {
            let mut typed = symbols.clone();
            (typed[a], typed[b]) = (x, y);
            assert!(typed == symbols || read(&typed).is_err(), "{a}, {b}");
        }
    }
}

#[test]
fn letters_that_look_like_digits_are_read_as_digits() {
    for seed in 0..64 {
        let code = code(seed);
        let loose = code.to_string().to_lowercase().replace('0', "o");
        assert_eq!(loose.replace('1', "l").parse(), Ok(code.clone()));
        assert_eq!(loose.replace('1', "I").parse(), Ok(code));
    }
}

#[test]
fn spaces_dashes_and_the_link_do_not_matter() {
    let code = code(5);
    let text = code.to_string();
    let ways = [
        text.replace('-', ""),
        text.replace('-', " "),
        text.replace('-', "\u{2013}"),
        text.replace('-', ".\n"),
        format!("  {}\r\n", text.to_lowercase()),
        code.link(),
        format!("PARLOR:{text}"),
        format!("http://192.168.1.5:47803/#{text}"),
        format!("HTTPS://archive.lan/#{}", text.to_lowercase()),
        format!("parlor://{}", text.replace('-', "_")),
        bare(&code).iter().map(|b| format!("{}\u{200b}", char::from(*b))).collect(),
    ];
    for way in ways {
        assert_eq!(way.parse(), Ok(code.clone()), "{way:?}");
    }
}

#[test]
fn the_address_of_a_page_without_a_code_is_an_incomplete_code() {
    for address in ["http://192.168.1.5:47803/", "https://archive.lan", "http://archive.lan/#"] {
        assert_eq!(read_typed(address).state, Err(CodeError::TooShort { expected: 18, got: 0 }), "{address}");
    }
}

#[test]
fn typing_shows_groups_and_asks_for_more() {
    let text = code(6).to_string();
    let typed = read_typed(&text[..7].to_lowercase());
    assert_eq!(typed.groups, [&text[..4], &text[5..7]]);
    assert_eq!(typed.state, Err(CodeError::TooShort { expected: 18, got: 6 }));
    assert_eq!(read_typed("").state, Err(CodeError::TooShort { expected: 18, got: 0 }));
}

#[test]
fn a_foreign_symbol_is_named_with_its_group() {
    let mut symbols = bare(&code(7));
    symbols[9] = b'!';
    assert_eq!(read(&symbols), Err(CodeError::BadSymbol { group: 3, symbol: '!' }));
    symbols[9] = b'u';
    assert_eq!(read(&symbols), Err(CodeError::BadSymbol { group: 3, symbol: 'u' }));
}

#[test]
fn a_pasted_book_is_too_long_and_cut_early() {
    let book = "A".repeat(10_000_000);
    let typed = read_typed(&book);
    assert!(matches!(typed.state, Err(CodeError::TooLong { expected: 18, .. })));
    assert_eq!(typed.groups.len(), 5);
}

#[test]
fn codes_come_back_through_serde() {
    let code = code(8);
    let json = serde_json::to_string(&code).unwrap();
    assert_eq!(serde_json::from_str::<RoomCode>(&json).unwrap(), code);
    assert!(serde_json::from_str::<RoomCode>("\"AAAA\"").is_err());
}

proptest! {
    #[test]
    fn every_code_comes_back(seed: u64) {
        let code = code(seed);
        prop_assert_eq!(code.to_string().parse(), Ok(code.clone()));
        prop_assert_eq!(code.link().parse(), Ok(code));
    }

    #[test]
    fn any_text_is_read_without_panic(text in "\\PC{0,80}") {
        crate::targets::code(text.as_bytes());
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
        crate::targets::code(&bytes);
        crate::targets::code(&[b"parlor:".as_slice(), &bytes].concat());
    }
}
