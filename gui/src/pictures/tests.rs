#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
use egui::{Color32, Context, Rect, Shape, pos2, vec2};
use image::{ColorType, DynamicImage, GrayImage, ImageFormat, Luma, imageops};
use proptest::prelude::*;
use std::io::Cursor;

use super::{ScanError, png, read};
use crate::widgets::{QrPicture, qr};

const TEXT: &str = "parlor:verify:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn file(picture: &GrayImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageLuma8(picture.clone()).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// What the widget paints, pixel by pixel, as a screen of that size shows it.
fn screen(text: &str, points: f32) -> GrayImage {
    let ctx = Context::default();
    let screen = Rect::from_min_size(pos2(0.0, 0.0), vec2(points + 80.0, points + 80.0));
    let input = egui::RawInput { screen_rect: Some(screen), ..Default::default() };
    let picture = QrPicture::of(text);
    let out = ctx.run_ui(input, |ui| {
        qr(ui, &picture, points, "QR picture");
    });
    let side = screen.width() as u32;
    let mut pixels = GrayImage::from_pixel(side, side, Luma([40]));
    for shape in out.shapes {
        let Shape::Rect(shape) = shape.shape else { continue };
        let shade = match shape.fill {
            Color32::WHITE => 255,
            Color32::BLACK => 0,
            _ => continue,
        };
        for y in shape.rect.top().round() as u32..(shape.rect.bottom().round() as u32).min(side) {
            for x in shape.rect.left().round() as u32..(shape.rect.right().round() as u32).min(side) {
                pixels.put_pixel(x, y, Luma([shade]));
            }
        }
    }
    pixels
}

#[test]
fn a_code_as_the_app_shows_it_is_read_back_from_a_picture_of_the_screen() {
    let shown = screen(TEXT, 180.0);
    assert_eq!(read(&file(&shown, ImageFormat::Png)).as_deref(), Ok(TEXT));
    assert_eq!(read(&file(&shown, ImageFormat::Jpeg)).as_deref(), Ok(TEXT));
    let turned = imageops::rotate90(&shown);
    assert_eq!(read(&file(&turned, ImageFormat::Png)).as_deref(), Ok(TEXT));
}

#[test]
fn a_saved_picture_is_read_back_also_when_it_is_large() {
    let saved = png(&QrPicture::of(TEXT)).unwrap();
    assert_eq!(read(&saved).as_deref(), Ok(TEXT));
    let (side, pixels) = QrPicture::of(TEXT).pixels(40).unwrap();
    let large = GrayImage::from_raw(side, side, pixels).unwrap();
    assert_eq!(read(&file(&large, ImageFormat::Png)).as_deref(), Ok(TEXT));
}

#[test]
fn of_two_codes_the_one_of_parlor_counts() {
    let (other, number) = (screen("https://example.org/menu", 180.0), screen(TEXT, 180.0));
    let mut both = GrayImage::from_pixel(other.width() * 2, other.height(), Luma([40]));
    imageops::replace(&mut both, &other, 0, 0);
    imageops::replace(&mut both, &number, i64::from(other.width()), 0);
    assert_eq!(read(&file(&both, ImageFormat::Png)).as_deref(), Ok(TEXT));
}

#[test]
fn a_picture_without_a_code_and_what_is_no_picture_are_told_apart() {
    let empty = GrayImage::from_pixel(300, 200, Luma([200]));
    assert_eq!(read(&file(&empty, ImageFormat::Png)), Err(ScanError::NoCode));
    assert_eq!(read(b"not a picture"), Err(ScanError::NotAPicture));
    assert_eq!(read(b"GIF89a"), Err(ScanError::NotAPicture));
    let cut = file(&empty, ImageFormat::Png);
    assert_eq!(read(&cut[..cut.len() / 2]), Err(ScanError::NotAPicture));
}

#[test]
fn what_is_too_large_is_refused_before_it_is_unpacked() {
    let file_max = usize::try_from(super::FILE_MAX).unwrap();
    assert_eq!(read(&vec![0; file_max + 1]), Err(ScanError::FileTooLarge));
    // A few bytes that claim to be four thousand million pixels.
    let wide = GrayImage::from_pixel(8_001, 1, Luma([255]));
    assert_eq!(read(&file(&wide, ImageFormat::Png)), Err(ScanError::NotAPicture));
    let mut bomb = Cursor::new(Vec::new());
    image::write_buffer_with_format(&mut bomb, &[255], 1, 1, ColorType::L8, ImageFormat::Png).unwrap();
    let mut bomb = bomb.into_inner();
    bomb[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    assert_eq!(read(&bomb), Err(ScanError::NotAPicture));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_file_brings_the_app_down(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        kind in 0..3_usize,
        at in any::<prop::sample::Index>(),
    ) {
        let mut file = match kind {
            0 => bytes.clone(),
            1 => [b"\x89PNG\r\n\x1a\n".as_slice(), &bytes].concat(),
            _ => png(&QrPicture::of(TEXT)).unwrap(),
        };
        if kind == 2 {
            let place = at.index(file.len());
            file[place] ^= bytes.first().copied().unwrap_or(1);
        }
        let _ = read(&file);
    }
}
