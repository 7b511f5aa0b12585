#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
use egui::{FontData, FontDefinitions, FontFamily, FontId};
use proptest::prelude::*;
use ttf_parser::{Face, OutlineBuilder};

use super::{Cover, EM, Glyph, font_file, trace};

/// The area inside of outlines; what is on the right of one counts.
fn area(outlines: &[Vec<(f32, f32)>]) -> f32 {
    let one = |outline: &Vec<(f32, f32)>| {
        let next = outline.iter().cycle().skip(1);
        outline.iter().zip(next).map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum::<f32>() / 2.0
    };
    outlines.iter().map(one).sum()
}

/// A picture with a value for each pixel.
fn picture(wide: usize, tall: usize, value: impl Fn(usize, usize) -> u8) -> Vec<u8> {
    (0..tall).flat_map(|y| (0..wide).map(move |x| (x, y))).map(|(x, y)| value(x, y)).collect()
}

fn square(left: i16, right: i16) -> Vec<super::Point> {
    vec![(left, 0), (left, 700), (right, 700), (right, 0)]
}

#[test]
fn a_disk_and_its_hole_become_two_outlines_of_the_right_size() {
    let ring = |x: usize, y: usize| {
        let far = (x as f32 + 0.5 - 30.0).hypot(y as f32 + 0.5 - 30.0);
        let inside = |radius: f32| (radius - far + 0.5).clamp(0.0, 1.0);
        ((inside(20.0) - inside(10.0)) * 255.0) as u8
    };
    let pixels = picture(60, 60, ring);
    let outlines = trace(Cover { pixels: &pixels, wide: 60 });
    assert_eq!(outlines.len(), 2);
    let wanted = std::f32::consts::PI * (400.0 - 100.0);
    assert!((area(&outlines).abs() - wanted).abs() < wanted * 0.02, "{}", area(&outlines));
    assert!(outlines.iter().all(|outline| outline.len() < 60), "most points add nothing");
}

#[test]
fn what_touches_the_edge_of_the_picture_is_closed_and_nothing_stays_nothing() {
    let pixels = picture(4, 4, |_, _| 255);
    let outlines = trace(Cover { pixels: &pixels, wide: 4 });
    assert_eq!(outlines.len(), 1);
    assert!(area(&outlines).abs() > 14.0);
    assert!(trace(Cover { pixels: &[0; 16], wide: 4 }).is_empty());
    assert!(trace(Cover { pixels: &[], wide: 0 }).is_empty());
}

#[test]
fn a_font_of_drawings_is_one_that_others_read() {
    let glyphs = [
        Glyph { letter: 'ب', advance: 300, outlines: Vec::new() },
        Glyph { letter: '字', advance: EM, outlines: vec![square(100, 900), square(200, 300)] },
        Glyph { letter: '🦊', advance: EM, outlines: vec![square(-20, 700)] },
    ];
    let file = font_file(&glyphs).unwrap();
    let face = Face::parse(&file, 0).unwrap();
    assert_eq!((face.units_per_em(), face.number_of_glyphs()), (EM, 4));
    assert_eq!((face.ascender(), face.descender()), (950, -250));
    struct Lines(Vec<(f32, f32)>);
    impl OutlineBuilder for Lines {
        fn move_to(&mut self, x: f32, y: f32) {
            self.0.push((x, y));
        }
        fn line_to(&mut self, x: f32, y: f32) {
            self.0.push((x, y));
        }
        fn quad_to(&mut self, _: f32, _: f32, _: f32, _: f32) {
            panic!("only straight lines");
        }
        fn curve_to(&mut self, _: f32, _: f32, _: f32, _: f32, _: f32, _: f32) {
            panic!("only straight lines");
        }
        fn close(&mut self) {}
    }
    for glyph in &glyphs {
        let id = face.glyph_index(glyph.letter).unwrap();
        assert_eq!(face.glyph_hor_advance(id), Some(glyph.advance));
        let mut lines = Lines(Vec::new());
        face.outline_glyph(id, &mut lines);
        let mut wanted: Vec<_> = glyph.outlines.iter().flatten().map(|(x, y)| (f32::from(*x), f32::from(*y))).collect();
        wanted.sort_by(|a, b| a.partial_cmp(b).unwrap());
        lines.0.sort_by(|a, b| a.partial_cmp(b).unwrap());
        lines.0.dedup();
        assert_eq!(lines.0, wanted);
    }
    assert!(face.glyph_index('文').is_none());
}

#[test]
fn egui_lays_out_and_draws_what_the_font_has() {
    let glyph = Glyph { letter: '字', advance: EM, outlines: vec![square(100, 900)] };
    let mut fonts = FontDefinitions::default();
    let data = FontData::from_owned(font_file(&[glyph]).unwrap());
    fonts.font_data.insert("drawn".into(), data.into());
    fonts.families.get_mut(&FontFamily::Proportional).unwrap().push("drawn".into());
    let ctx = egui::Context::default();
    ctx.set_fonts(fonts);
    let mut drawn = None;
    let out = ctx.run_ui(egui::RawInput::default(), |ui| {
        let font = FontId::proportional(20.0);
        let galley = ui.painter().layout_no_wrap("字".into(), font.clone(), egui::Color32::WHITE);
        drawn = Some((ui.fonts_mut(|fonts| fonts.has_glyph(&font, '字')), galley.size().x, galley.mesh_bounds));
    });
    assert!(!out.textures_delta.set.is_empty());
    let (has, wide, bounds) = drawn.unwrap();
    assert!(has && (wide - 20.0).abs() < 1.5, "{wide}");
    assert!(bounds.width() > 10.0 && bounds.height() > 8.0, "{bounds:?}");
}

#[test]
fn no_font_is_made_of_nothing_or_of_letters_out_of_order() {
    let glyph = |letter| Glyph { letter, advance: 1, outlines: Vec::new() };
    assert!(font_file(&[]).is_none());
    assert!(font_file(&[glyph('b'), glyph('a')]).is_none());
    assert!(font_file(&[glyph('a'), glyph('a')]).is_none());
    assert!(font_file(&vec![glyph('a'); super::GLYPHS_MAX + 1]).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_picture_gives_outlines_that_make_a_font(
        wide in 1..24_usize,
        pixels in prop::collection::vec(any::<u8>(), 0..500),
    ) {
        let outlines = trace(Cover { pixels: &pixels, wide });
        let whole = |(x, y): &(f32, f32)| (x.round() as i16, y.round() as i16);
        let outlines: Vec<Vec<_>> = outlines.iter().map(|outline| outline.iter().map(whole).collect()).collect();
        let file = font_file(&[Glyph { letter: '字', advance: EM, outlines }]).unwrap();
        prop_assert!(Face::parse(&file, 0).is_ok());
    }
}
