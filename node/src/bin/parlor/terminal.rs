//! What others wrote, as it may go to a terminal: it can neither steer it, nor hide or turn letters, nor draw a line
//! that looks like one of somebody else.
//!
//! Pure functions of text. Characters without a shape of their own go (Unicode 17, `Default_Ignorable_Code_Point` and
//! the other format controls). Text that runs from right to left is isolated, so that what stands around it keeps its
//! place (Unicode Standard Annex 9, section 2.7). Long lines are wrapped here and set in, because a terminal wraps
//! them without.

use parlor_protocol::looks_like_id;
use unicode_bidi::{BidiClass, bidi_class};
use unicode_width::UnicodeWidthChar as _;

/// How far the rest of a wrapped line, and every further line of a text, is set in.
const INDENT: usize = 4;
/// Below this width lines are as long as this all the same.
const WIDTH_MIN: usize = 20;
/// What a tab takes of a line.
const TAB: &str = "    ";
/// First Strong Isolate, and its end.
const ISOLATE: char = '\u{2068}';
const ISOLATE_END: char = '\u{2069}';

/// A text of several lines: the further ones are set in.
pub(crate) fn text(text: &str) -> String {
    let lines: Vec<String> = visible(text).split('\n').map(isolated).collect();
    lines.join(&format!("\n{:INDENT$}", ""))
}

/// A text of one line.
pub(crate) fn line(text: &str) -> String {
    isolated(&visible(text).replace(['\n', '\t'], " "))
}

/// A name. One that could be taken for an id says that it is none.
pub(crate) fn name(name: &str) -> String {
    if looks_like_id(name) { format!("\"{}\" (a name, not an id)", line(name)) } else { line(name) }
}

/// Whether a character has no shape of its own, or could turn or join what stands around it.
pub(crate) fn is_hidden(c: char) -> bool {
    let is_format = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{13430}'..='\u{1345f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}');
    is_format || c.is_control()
}

/// The characters that may be shown.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    let is_letter = |c: Option<&char>| c.is_some_and(|c| !c.is_ascii() && !c.is_whitespace() && !is_hidden(*c));
    let mut before = None;
    while let Some(c) = rest.next() {
        let shows = match c {
            '\n' | '\t' => Some(c),
            '\u{2028}' | '\u{2029}' => Some('\n'),
            c if c.is_control() => Some('\u{fffd}'),
            // Between letters of scripts that join, and in emoji, these two change the shape of what is beside them.
            '\u{200c}' | '\u{200d}' => Some(c).filter(|_| is_letter(before.as_ref()) && is_letter(rest.peek())),
            // Text or emoji.
            '\u{fe0e}' | '\u{fe0f}' => Some(c).filter(|_| before.is_some_and(|c| !is_hidden(c))),
            c if is_hidden(c) => None,
            c => Some(c),
        };
        shown.extend(shows);
        // An emoji before its variation selector is what the next joiner looks at.
        before = if matches!(c, '\u{fe0f}') { before } else { Some(c) };
    }
    shown
}

/// A line that keeps to itself what runs from right to left in it.
fn isolated(line: &str) -> String {
    let turns = |c| matches!(bidi_class(c), BidiClass::R | BidiClass::AL | BidiClass::AN);
    if line.chars().any(turns) { format!("{ISOLATE}{line}{ISOLATE_END}") } else { line.to_owned() }
}

/// Lines no longer than a terminal is wide. What does not fit goes on below, set in.
pub(crate) fn wrapped(lines: &str, width: usize, is_wide: bool) -> String {
    let width = width.max(WIDTH_MIN);
    lines.split('\n').map(|line| wrapped_line(line, width, is_wide)).collect::<Vec<_>>().join("\n")
}

fn wrapped_line(line: &str, width: usize, is_wide: bool) -> String {
    let line = line.replace('\t', TAB);
    let indent = line.chars().take_while(|c| *c == ' ').count().clamp(INDENT, width / 2);
    let mut out = String::with_capacity(line.len());
    let mut column = 0;
    let mut is_isolated = false;
    // Where the row could be broken: its place in `out`, and whether an isolate is open there.
    let mut space: Option<(usize, bool)> = None;
    let mut skips = false;
    for c in line.chars() {
        if skips && c == ' ' {
            continue;
        }
        skips = false;
        is_isolated = match c {
            ISOLATE => true,
            ISOLATE_END => false,
            _ => is_isolated,
        };
        let cells = cells(c, is_wide);
        if column + cells > width {
            let (at, was_isolated) =
                if c == ' ' { (out.len(), is_isolated) } else { space.unwrap_or((out.len(), is_isolated)) };
            let rest = out.split_off(at);
            if was_isolated {
                out.push(ISOLATE_END);
            }
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            if was_isolated {
                out.push(ISOLATE);
            }
            let rest = rest.trim_start_matches(' ');
            out.push_str(rest);
            column = indent + rest.chars().map(|c| self::cells(c, is_wide)).sum::<usize>();
            space = None;
            skips = c == ' ';
            if skips {
                continue;
            }
        }
        // Not in the indentation of the line, which would only be repeated.
        if c == ' ' && column >= indent {
            space = Some((out.len(), is_isolated));
        }
        out.push(c);
        column += cells;
    }
    out
}

/// How much of a row a character takes, where terminals differ the most that one of them gives it.
fn cells(c: char, is_wide: bool) -> usize {
    match c {
        ISOLATE | ISOLATE_END => 0,
        // It makes a sign an emoji, which is wider.
        '\u{fe0f}' => 1,
        // Signs, of which many are emoji somewhere; flags are made of two of the last ones.
        '\u{2190}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}' => 2,
        c if is_wide => c.width_cjk().unwrap_or_default(),
        c => c.width().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::{cells, is_hidden, line, name, text, wrapped};

    #[test]
    fn nothing_that_others_write_steers_the_terminal_or_hides_or_turns_letters() {
        assert_eq!(line("red \u{1b}[31malert\u{7}\u{9b}1m"), "red \u{fffd}[31malert\u{fffd}\u{fffd}1m");
        assert_eq!(line("An\u{200b}na\u{202e}evil\u{2066}\u{ad}\u{e0041}\u{feff}\u{200e}"), "Annaevil");
        assert_eq!(line("a\nb\tc"), "a b c");
        assert_eq!(line("one\u{200d}two \u{200c}"), "onetwo ");
        assert_eq!(line("👩\u{200d}🚀 ❤\u{fe0f}\u{200d}🔥"), "👩\u{200d}🚀 ❤\u{fe0f}\u{200d}🔥");
        assert!(line("می\u{200c}خواهم").contains('\u{200c}'), "Persian needs it");
        assert!("\u{2028}\u{2069}\u{fe0f}\u{180e}".chars().all(is_hidden));
    }

    #[test]
    fn what_runs_from_right_to_left_keeps_to_itself() {
        assert_eq!(line("שלום"), "\u{2068}שלום\u{2069}");
        assert_eq!(text("שלום\nhello\nسلام 42"), "\u{2068}שלום\u{2069}\n    hello\n    \u{2068}سلام 42\u{2069}");
        assert_eq!(line("\u{2069}\u{2069}שלום\u{202a}"), "\u{2068}שלום\u{2069}", "nobody gets out");
        assert_eq!(line("Привет"), "Привет");
    }

    #[test]
    fn a_name_that_looks_like_an_id_says_that_it_is_none() {
        assert_eq!(name("0012dde5"), "\"0012dde5\" (a name, not an id)");
        assert_eq!(name("Anna"), "Anna");
    }

    /// The rows of a terminal of this width, as it would break what is left too long.
    fn rows(shown: &str, width: usize) -> Vec<String> {
        let mut rows = Vec::new();
        for line in shown.split('\n') {
            let mut row = String::new();
            let mut column = 0;
            for c in line.chars() {
                if column + cells(c, false) > width {
                    rows.push(std::mem::take(&mut row));
                    column = 0;
                }
                column += cells(c, false);
                row.push(c);
            }
            rows.push(row);
        }
        rows
    }

    #[test]
    fn no_text_draws_a_line_of_somebody_else() {
        const FORGED: &str = "2026-11-30 10:00  Anna: I agree";
        let fillers =
            [" ", "x", "字", "👩\u{200d}👩\u{200d}👧", "e\u{301}", "❤\u{fe0f}", "\t", "🇩🇪", "a b ", "א", "x\u{2028}"];
        for filler in fillers {
            for times in 0..200 {
                for joint in ["", " ", "\n", "\u{2028}"] {
                    let written = format!("{}{joint}{FORGED}", filler.repeat(times));
                    let shown = format!("2026-11-30 09:59  Ben: {}", text(&written));
                    for row in rows(&wrapped(&shown, 80, false), 80).iter().skip(1) {
                        assert!(row.starts_with("    "), "{filler:?} x {times}: {row:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn long_lines_break_between_words_and_lose_none() {
        let shown = wrapped("2026-11-30 09:59  Ben: one two three four five six", 30, false);
        assert_eq!(shown, "2026-11-30 09:59  Ben: one two\n    three four five six");
        assert_eq!(wrapped(&"x".repeat(50), 30, false), format!("{}\n    {}", "x".repeat(30), "x".repeat(20)));
        let set_in = wrapped("        one two three four five six", 24, false);
        assert_eq!(set_in, "        one two three\n        four five six");
        let turned = wrapped(&line(&"שלום ".repeat(10)), 24, false);
        assert!(turned.lines().count() > 1, "{turned:?}");
        assert!(
            turned.lines().all(|row| row.trim_start().starts_with('\u{2068}') && row.ends_with('\u{2069}')),
            "{turned:?}"
        );
    }
}
