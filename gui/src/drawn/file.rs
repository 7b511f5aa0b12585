//! A font file with straight outlines: the few tables of [OpenType](https://learn.microsoft.com/typography/opentype/spec/otff)
//! that a program needs which lays out one letter after the other.

use super::{EM, Point};

/// Letters in a font at most.
pub const GLYPHS_MAX: usize = 8_000;
/// Above and below the line, as in most fonts.
const ASCENT: i16 = 950;
const DESCENT: i16 = -250;
/// Marks a point that lies on the outline.
const ON: u8 = 1;

/// A letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glyph {
    /// The character.
    pub letter: char,
    /// How far the next one stands.
    pub advance: u16,
    /// Its outlines; what is inside is on their right.
    pub outlines: Vec<Vec<Point>>,
}

/// A font with these letters, each once, ordered by character. Absent when there are none, or too many for
/// one file.
#[must_use]
pub fn font_file(glyphs: &[Glyph]) -> Option<Vec<u8>> {
    let is_ordered = glyphs.windows(2).all(|two| matches!(two, [a, b] if a.letter < b.letter));
    if glyphs.is_empty() || glyphs.len() > GLYPHS_MAX || !is_ordered {
        return None;
    }
    // The first one stands for what is missing; it is never used.
    let count = u16::try_from(glyphs.len() + 1).ok()?;
    let (mut glyf, mut loca, mut hmtx) = (Vec::new(), vec![0_u32, 0], Vec::new());
    let mut points_max = 0;
    put(&mut hmtx, &[EM, 0]);
    for glyph in glyphs {
        let left = draw(&mut glyf, &glyph.outlines)?;
        while glyf.len() % 4 != 0 {
            glyf.push(0);
        }
        loca.push(u32::try_from(glyf.len()).ok()?);
        put(&mut hmtx, &[glyph.advance, left.cast_unsigned()]);
        points_max = points_max.max(glyph.outlines.iter().map(Vec::len).sum::<usize>());
    }
    let outlines_max = glyphs.iter().map(|glyph| glyph.outlines.len()).max()?;
    let (points_max, outlines_max) = (u16::try_from(points_max).ok()?, u16::try_from(outlines_max).ok()?);
    let advance_max = glyphs.iter().map(|glyph| glyph.advance).max()?;
    let loca: Vec<u8> = loca.into_iter().flat_map(u32::to_be_bytes).collect();
    // In the order of their names, as the directory wants it.
    let tables = [
        (*b"cmap", cmap(glyphs)?),
        (*b"glyf", glyf),
        (*b"head", head()),
        (*b"hhea", hhea(advance_max, count)),
        (*b"hmtx", hmtx),
        (*b"loca", loca),
        (*b"maxp", maxp(count, points_max, outlines_max)),
    ];
    directory(&tables)
}

fn put(to: &mut Vec<u8>, numbers: &[u16]) {
    to.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
}

/// Draws a letter, and says how far left it begins. A letter without outlines takes no space.
fn draw(glyf: &mut Vec<u8>, outlines: &[Vec<Point>]) -> Option<i16> {
    let points = || outlines.iter().flatten();
    let (Some(left), Some(right)) = (points().map(|p| p.0).min(), points().map(|p| p.0).max()) else {
        return Some(0);
    };
    let (bottom, top) = (points().map(|p| p.1).min()?, points().map(|p| p.1).max()?);
    put(glyf, &[u16::try_from(outlines.len()).ok()?]);
    put(glyf, &[left, bottom, right, top].map(i16::cast_unsigned));
    let mut end = 0_usize;
    for outline in outlines {
        end += outline.len();
        put(glyf, &[u16::try_from(end.checked_sub(1)?).ok()?]);
    }
    // No instructions, and every point with two bytes each way.
    put(glyf, &[0]);
    glyf.extend(std::iter::repeat_n(ON, end));
    for pick in [|point: &Point| point.0, |point: &Point| point.1] {
        let mut before = 0;
        for point in points() {
            let now = pick(point);
            put(glyf, &[now.wrapping_sub(before).cast_unsigned()]);
            before = now;
        }
    }
    Some(left)
}

/// Which letter stands for which character: format 12, one group a letter.
fn cmap(glyphs: &[Glyph]) -> Option<Vec<u8>> {
    let groups = u32::try_from(glyphs.len()).ok()?;
    let mut table = Vec::new();
    // One table, for Windows, of all of Unicode, after these twelve bytes.
    put(&mut table, &[0, 1, 3, 10, 0, 12, 12, 0]);
    for number in [16 + groups * 12, 0, groups] {
        table.extend(number.to_be_bytes());
    }
    for (glyph, number) in glyphs.iter().zip(1_u32..) {
        let letter = u32::from(glyph.letter);
        for number in [letter, letter, number] {
            table.extend(number.to_be_bytes());
        }
    }
    Some(table)
}

fn head() -> Vec<u8> {
    let mut table = Vec::new();
    // Versions, no checksum of the whole, the magic number, no flags.
    put(&mut table, &[1, 0, 1, 0, 0, 0, 0x5f0f, 0x3cf5, 0, EM]);
    // Made and changed on the first day; the bounds of all letters are not looked at.
    table.extend([0; 16]);
    put(&mut table, &[0, DESCENT.cast_unsigned(), EM, ASCENT.cast_unsigned()]);
    // Upright, readable from one pixel on, both directions, long places, the only format.
    put(&mut table, &[0, 1, 2, 1, 0]);
    table
}

fn hhea(advance_max: u16, count: u16) -> Vec<u8> {
    let mut table = Vec::new();
    put(&mut table, &[1, 0, ASCENT.cast_unsigned(), DESCENT.cast_unsigned(), 0, advance_max]);
    // Bearings are not looked at; the caret stands upright; the rest is reserved.
    put(&mut table, &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, count]);
    table
}

fn maxp(count: u16, points: u16, outlines: u16) -> Vec<u8> {
    let mut table = Vec::new();
    put(&mut table, &[1, 0, count, points, outlines, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    table
}

fn directory(tables: &[([u8; 4], Vec<u8>)]) -> Option<Vec<u8>> {
    let count = u16::try_from(tables.len()).ok()?;
    let power = count.checked_ilog2()?;
    let search = 16_u16 << power;
    let mut file = vec![0, 1, 0, 0];
    put(&mut file, &[count, search, u16::try_from(power).ok()?, count * 16 - search]);
    let mut at = file.len() + tables.len() * 16;
    for (name, table) in tables {
        file.extend(name);
        file.extend(checksum(table).to_be_bytes());
        file.extend(u32::try_from(at).ok()?.to_be_bytes());
        file.extend(u32::try_from(table.len()).ok()?.to_be_bytes());
        at += table.len().next_multiple_of(4);
    }
    for (_, table) in tables {
        file.extend(table);
        file.resize(file.len().next_multiple_of(4), 0);
    }
    Some(file)
}

fn checksum(table: &[u8]) -> u32 {
    let word = |four: &[u8]| four.iter().enumerate().map(|(at, byte)| u32::from(*byte) << (24 - at * 8)).sum::<u32>();
    table.chunks(4).map(word).fold(0, u32::wrapping_add)
}
