//! Finds the QR code in a picture file that somebody chose. The file may come from anybody, so shells bound
//! its size before they read it, and the picture's is bounded here before it is unpacked.

use image::{GrayImage, ImageFormat, ImageReader, Limits, imageops};
use std::{io::Cursor, panic};

/// Largest file.
pub const FILE_MAX: u64 = 10_000_000;
/// Largest picture, in pixels on a side.
const SIDE_MAX: u32 = 8_000;
/// Most memory for unpacking: a picture of the largest size with four bytes a pixel.
const UNPACKED_MAX: u64 = SIDE_MAX as u64 * SIDE_MAX as u64 * 4;
/// Noise in a large photograph hides codes that are easy to find in a smaller one.
const SMALL_SIDE: u32 = 1_200;
/// What all texts of Parlor's codes begin with.
const OURS: &str = "parlor:";

/// Why there is no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// The file cannot be read.
    #[error("The file could not be read. Choose another one, or copy it into a folder of yours first.")]
    Unreadable,
    /// Larger than [`FILE_MAX`].
    #[error("The file is too large: a picture may have 10 MB. Cut the code out of it, or photograph it anew.")]
    FileTooLarge,
    /// Not a PNG or JPEG, damaged, or larger than `SIDE_MAX`.
    #[error("This is no picture that Parlor can read. It takes PNG and JPEG files up to 8,000 by 8,000 pixels.")]
    NotAPicture,
    /// There is no code in it.
    #[error(
        "There is no QR code to be found in this picture. Take it once more: sharp, straight, with the whole code and \
         the white around it."
    )]
    NoCode,
}

/// The text of the QR code in a picture; of several codes one of Parlor's.
///
/// # Errors
/// What is wrong with the picture, and what to do.
pub fn read(bytes: &[u8]) -> Result<String, ScanError> {
    // Whatever is wrong in a decoder, the app goes on; in a browser, where nothing can be caught, the
    // page would have to be loaded anew.
    panic::catch_unwind(|| unpack(bytes)).unwrap_or(Err(ScanError::NotAPicture))
}

fn unpack(bytes: &[u8]) -> Result<String, ScanError> {
    if u64::try_from(bytes.len()).is_ok_and(|len| len > FILE_MAX) {
        return Err(ScanError::FileTooLarge);
    }
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|_| ScanError::Unreadable)?;
    if !matches!(reader.format(), Some(ImageFormat::Png | ImageFormat::Jpeg)) {
        return Err(ScanError::NotAPicture);
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(UNPACKED_MAX);
    reader.limits(limits);
    let picture = reader.decode().map_err(|_| ScanError::NotAPicture)?.into_luma8();
    if let Some(text) = find(&picture) {
        return Ok(text);
    }
    let (wide, tall) = picture.dimensions();
    let largest = wide.max(tall);
    if largest <= SMALL_SIDE {
        return Err(ScanError::NoCode);
    }
    let shrunk = |side: u32| (side.saturating_mul(SMALL_SIDE) / largest).max(1);
    find(&imageops::thumbnail(&picture, shrunk(wide), shrunk(tall))).ok_or(ScanError::NoCode)
}

fn find(picture: &GrayImage) -> Option<String> {
    let (wide, tall) = (usize::try_from(picture.width()).ok()?, usize::try_from(picture.height()).ok()?);
    let shade = |x: usize, y: usize| picture.as_raw().get(y * wide + x).copied().unwrap_or(u8::MAX);
    let mut prepared = rqrr::PreparedImage::prepare_from_greyscale(wide, tall, shade);
    let texts = prepared.detect_grids().into_iter().filter_map(|grid| grid.decode().ok()).map(|(_, text)| text);
    let texts: Vec<_> = texts.collect();
    texts.iter().find(|text| text.starts_with(OURS)).or(texts.first()).cloned()
}
