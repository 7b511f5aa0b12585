//! Outlines of a drawn letter: the line between what is more and what is less than half covered, by
//! [marching squares](https://en.wikipedia.org/wiki/Marching_squares), without the points that add nothing.

use std::collections::HashMap;

/// A picture of a letter: how much of each pixel it covers, line by line from the top.
#[derive(Clone, Copy, Debug)]
pub struct Cover<'a> {
    /// A byte a pixel.
    pub pixels: &'a [u8],
    /// Pixels in a line.
    pub wide: usize,
}

/// Outlines longer than this, in points, are none of letters.
const POINTS_MAX: usize = 20_000;
/// A point nearer than this to the line between its neighbours is left out, in pixels.
const NEAR: f32 = 0.12;
/// Half covered.
const HALF: f32 = 127.5;

/// The edge of a square between two pixels: the pixel at its left or upper end, and whether it goes down.
type Edge = (usize, usize, bool);
type Place = (f32, f32);

impl Cover<'_> {
    fn at(&self, x: usize, y: usize) -> f32 {
        let tall = self.pixels.len().checked_div(self.wide).unwrap_or(0);
        // Around the picture there is nothing, so that every outline closes.
        if x == 0 || y == 0 || x > self.wide || y > tall {
            return 0.0;
        }
        self.pixels.get((y - 1) * self.wide + x - 1).copied().map_or(0.0, f32::from)
    }

    /// Where on an edge the cover is half.
    fn crossing(&self, (x, y, is_down): Edge) -> Place {
        let (from, to) = (self.at(x, y), if is_down { self.at(x, y + 1) } else { self.at(x + 1, y) });
        let part = ((HALF - from) / (to - from)).clamp(0.0, 1.0);
        // A pixel's value is that of its middle, and there is one pixel of nothing before the first.
        let (x, y) = (whole(x) - 0.5, whole(y) - 0.5);
        if is_down { (x, y + part) } else { (x + part, y) }
    }
}

fn whole(number: usize) -> f32 {
    u16::try_from(number).map_or(f32::MAX, f32::from)
}

/// The outlines in pixels from the top left corner; what is covered is on their right. Empty when nothing is
/// drawn, or it is no letter.
#[must_use]
pub fn trace(cover: Cover<'_>) -> Vec<Vec<Place>> {
    let Some(tall) = cover.pixels.len().checked_div(cover.wide) else { return Vec::new() };
    let mut steps: HashMap<Edge, Edge> = HashMap::new();
    for y in 0..=tall {
        for x in 0..=cover.wide {
            for (from, to) in steps_in(cover, x, y).into_iter().flatten() {
                steps.insert(from, to);
            }
        }
    }
    if steps.len() > POINTS_MAX {
        return Vec::new();
    }
    let mut starts: Vec<Edge> = steps.keys().copied().collect();
    // The order of a hash map is another one every time.
    starts.sort_unstable();
    let mut outlines = Vec::new();
    for start in starts {
        let mut outline = Vec::new();
        let mut at = start;
        while let Some(next) = steps.remove(&at) {
            outline.push(cover.crossing(at));
            at = next;
        }
        if outline.len() >= 3 {
            outlines.push(thinned(&outline));
        }
    }
    outlines.retain(|outline| outline.len() >= 3);
    outlines
}

/// The steps of outlines through the square whose upper left pixel this is, what is covered on the right.
fn steps_in(cover: Cover<'_>, x: usize, y: usize) -> [Option<(Edge, Edge)>; 2] {
    let is_in = |x, y| cover.at(x, y) > HALF;
    let (top, left) = ((x, y, false), (x, y, true));
    let (bottom, right) = ((x, y + 1, false), (x + 1, y, true));
    let corners = [is_in(x, y), is_in(x + 1, y), is_in(x + 1, y + 1), is_in(x, y + 1)];
    let one = |from, to| [Some((from, to)), None];
    match corners {
        [false, false, false, false] | [true, true, true, true] => [None, None],
        [true, false, false, false] => one(top, left),
        [false, true, false, false] => one(right, top),
        [false, false, true, false] => one(bottom, right),
        [false, false, false, true] => one(left, bottom),
        [true, true, false, false] => one(right, left),
        [false, true, true, false] => one(bottom, top),
        [false, false, true, true] => one(left, right),
        [true, false, false, true] => one(top, bottom),
        [false, true, true, true] => one(left, top),
        [true, false, true, true] => one(top, right),
        [true, true, false, true] => one(right, bottom),
        [true, true, true, false] => one(bottom, left),
        [true, false, true, false] => [Some((top, left)), Some((bottom, right))],
        [false, true, false, true] => [Some((right, top)), Some((left, bottom))],
    }
}

/// An outline without the points that lie on the way between others, by
/// [Ramer, Douglas and Peucker](https://en.wikipedia.org/wiki/Ramer%E2%80%93Douglas%E2%80%93Peucker_algorithm).
fn thinned(outline: &[Place]) -> Vec<Place> {
    let Some(first) = outline.first().copied() else { return Vec::new() };
    // A closed line is cut at its first point and at the one farthest from it.
    let far = |place: &Place| (place.0 - first.0).hypot(place.1 - first.1);
    let middle = outline.iter().enumerate().max_by(|a, b| far(a.1).total_cmp(&far(b.1))).map_or(0, |(at, _)| at);
    let mut kept = vec![false; outline.len() + 1];
    let at = |index: usize| outline.get(index % outline.len()).copied().unwrap_or(first);
    let mut spans = vec![(0, middle), (middle, outline.len())];
    while let Some((from, to)) = spans.pop() {
        for end in [from, to] {
            if let Some(kept) = kept.get_mut(end) {
                *kept = true;
            }
        }
        let farthest = (from + 1..to).map(|index| (index, off_line(at(index), at(from), at(to))));
        let farthest = farthest.max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((index, _)) = farthest.filter(|(_, off)| *off > NEAR) {
            spans.extend([(from, index), (index, to)]);
        }
    }
    outline.iter().zip(kept).filter(|(_, kept)| *kept).map(|(place, _)| *place).collect()
}

/// How far a point is from the line between two others.
fn off_line(place: Place, from: Place, to: Place) -> f32 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let long = dx.hypot(dy);
    if long < f32::EPSILON {
        return (place.0 - from.0).hypot(place.1 - from.1);
    }
    (dx * (place.1 - from.1) - dy * (place.0 - from.0)).abs() / long
}
