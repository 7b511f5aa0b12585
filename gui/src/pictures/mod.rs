//! Picture files with QR codes in them: reading one that somebody chose, and making one to be saved. Where
//! files come from and go to is the business of the shells.

mod scan;
#[cfg(test)]
mod tests;

use image::{ExtendedColorType, ImageEncoder as _, codecs::png::PngEncoder};

use crate::widgets::QrPicture;

pub use scan::{FILE_MAX, ScanError, read};

/// Pixels a square in a saved picture: about 500 on a side.
const SCALE: usize = 8;
/// What a saved safety number is called.
pub const FILE_NAME: &str = "parlor-safety-number.png";

/// A QR picture as a PNG file. Absent when there is no picture.
#[must_use]
pub fn png(picture: &QrPicture) -> Option<Vec<u8>> {
    let (side, pixels) = picture.pixels(SCALE)?;
    let mut file = Vec::new();
    PngEncoder::new(&mut file).write_image(&pixels, side, side, ExtendedColorType::L8).ok()?;
    Some(file)
}
