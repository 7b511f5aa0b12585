//! What people can expect of room codes, however they type them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod support;

use parlor_protocol::{
    RoomCode,
    code::{CODE_GROUP, CODE_SYMBOLS, LINK_SCHEME, read_typed},
    error::CodeError,
};
use proptest::prelude::*;
use support::rng;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

fn code(seed: u64) -> RoomCode {
    RoomCode::random(&mut rng(seed))
}

/// The symbols without dashes.
fn bare(code: &RoomCode) -> Vec<u8> {
    code.to_string().bytes().filter(|b| *b != b'-').collect()
}

fn read(symbols: &[u8]) -> Result<RoomCode, CodeError> {
    std::str::from_utf8(symbols).unwrap().parse()
}

#[test]
fn a_code_has_five_groups_and_reads_back() {
    let code = code(1);
    let shown = code.to_string();
    let lengths: Vec<usize> = shown.split('-').map(str::len).collect();
    assert_eq!(lengths, [4, 4, 4, 4, 2]);
    assert_eq!(shown.parse::<RoomCode>().unwrap(), code);
}

#[test]
fn every_single_wrong_symbol_is_located() {
    for seed in 0..20 {
        let good = bare(&code(seed));
        for at in 0..CODE_SYMBOLS {
            for wrong in ALPHABET.iter().filter(|wrong| **wrong != good[at]) {
                let mut typed = good.clone();
                typed[at] = *wrong;
                let located = CodeError::Mistyped { group: at / CODE_GROUP + 1, symbol: at % CODE_GROUP + 1 };
                assert_eq!(read(&typed), Err(located), "symbol {at}");
            }
        }
    }
}

#[test]
fn every_pair_of_swapped_neighbours_is_noticed() {
    for seed in 0..200 {
        let good = bare(&code(seed));
        for at in 0..CODE_SYMBOLS - 1 {
            let mut typed = good.clone();
            typed.swap(at, at + 1);
            assert_eq!(read(&typed).is_ok(), good[at] == good[at + 1], "swap at {at}");
        }
    }
}

#[test]
fn a_character_that_no_code_has_is_named_with_its_group() {
    let mut typed = bare(&code(2));
    typed[9] = b'U';
    assert_eq!(read(&typed), Err(CodeError::BadSymbol { group: 3, symbol: 'U' }));
    typed[5] = b'!';
    assert_eq!(read(&typed), Err(CodeError::BadSymbol { group: 2, symbol: '!' }));
}

#[test]
fn letters_that_look_like_digits_are_read_as_digits() {
    for seed in 0..200 {
        let code = code(seed);
        let shown = code.to_string();
        assert_eq!(shown.replace('0', "O").replace('1', "I").parse::<RoomCode>().unwrap(), code);
        assert_eq!(shown.replace('0', "o").replace('1', "l").parse::<RoomCode>().unwrap(), code);
    }
}

#[test]
fn case_spaces_dashes_and_the_link_do_not_matter() {
    let code = code(3);
    let shown = code.to_string();
    let spaced = shown.replace('-', " ");
    for typed in [
        shown.to_lowercase(),
        format!("  {spaced}\n"),
        shown.replace('-', ""),
        shown.replace('-', "\u{2013}"),
        shown.replace('-', " - "),
        shown.replace('-', "\t"),
        code.link(),
        format!("PARLOR:{shown}"),
        format!("parlor://{spaced}"),
    ] {
        assert_eq!(typed.parse::<RoomCode>().unwrap(), code, "{typed:?}");
    }
    assert!(code.link().starts_with(LINK_SCHEME));
}

#[test]
fn a_code_that_is_being_typed_shows_its_groups() {
    let shown = code(4).to_string();
    let typed = read_typed(&shown[..7].to_lowercase());
    assert_eq!(typed.groups, [&shown[..4], &shown[5..7]]);
    assert_eq!(typed.state, Err(CodeError::TooShort { expected: CODE_SYMBOLS, got: 6 }));
    let long = format!("{shown}77");
    assert_eq!(read_typed(&long).state, Err(CodeError::TooLong { expected: CODE_SYMBOLS, got: CODE_SYMBOLS + 2 }));
}

#[test]
fn nothing_of_a_code_is_in_debug_output() {
    let code = code(5);
    assert_eq!(format!("{code:?}"), "RoomCode(..)");
    let typed = format!("{:?}", read_typed(&code.to_string()));
    for group in code.to_string().split('-').take(4) {
        assert!(!typed.contains(group), "{typed}");
    }
}

#[test]
fn a_code_in_json_is_its_text() {
    let code = code(6);
    let json = serde_json::to_string(&code).unwrap();
    assert_eq!(json, format!("\"{code}\""));
    assert_eq!(serde_json::from_str::<RoomCode>(&json).unwrap(), code);
    assert!(serde_json::from_str::<RoomCode>("\"7KQ2\"").is_err());
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(input in any::<String>()) {
        let typed = read_typed(&input);
        prop_assert!(typed.groups.len() <= 5);
    }

    #[test]
    fn any_text_of_code_like_symbols_is_read_without_panic(input in "[0-9A-Za-z \\-:/é\u{2013}]{0,60}") {
        if let Ok(code) = read_typed(&input).state {
            prop_assert_eq!(code.to_string().parse::<RoomCode>().unwrap(), code);
        }
    }

    #[test]
    fn two_wrong_symbols_never_give_another_code(
        seed in any::<u64>(), a in 0..CODE_SYMBOLS, b in 0..CODE_SYMBOLS, x in 1..32usize, y in 1..32usize,
    ) {
        prop_assume!(a != b);
        let mut typed = bare(&code(seed));
        for (at, by) in [(a, x), (b, y)] {
            let value = ALPHABET.iter().position(|c| *c == typed[at]).unwrap();
            typed[at] = ALPHABET[value ^ by];
        }
        prop_assert!(read(&typed).is_err());
    }

    #[test]
    fn every_code_reads_back(seed in any::<u64>()) {
        let code = code(seed);
        prop_assert_eq!(code.link().parse::<RoomCode>().unwrap(), code);
    }
}
