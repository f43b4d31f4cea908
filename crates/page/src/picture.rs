//! Pictures as PNG files, and in a page itself: in base64.

use layerloop::{Error, Result};

/// How many times as large a pixel is drawn in a picture of its own.
const SCALE: usize = 8;

/// Grey, from 0 to 1.
pub(super) fn grey(values: &[f32], width: usize) -> Result<String> {
    let bytes: Vec<u8> = values.iter().map(|v| (v.clamp(0.0, 1.0) * 255.0).round() as u8).collect();
    uri(&bytes, width, png::ColorType::Grayscale)
}

/// Negative values blue, positive ones red, the stronger the larger beside `most`; on any ground.
pub(super) fn diverging(values: &[f32], width: usize, most: f32) -> Result<String> {
    let pixel = |&value: &f32| {
        let [red, green, blue] = colour(value);
        [red, green, blue, ((value.abs() / most.max(f32::MIN_POSITIVE)).min(1.0) * 255.0).round() as u8]
    };
    let bytes: Vec<u8> = values.iter().flat_map(pixel).collect();
    uri(&bytes, width, png::ColorType::Rgba)
}

/// An image and what each of its pixels had to do with an answer, side by side on white, `SCALE` times as large.
///
/// # Errors
/// [`Error::Data`] if it cannot be written as PNG.
pub fn with_attribution(grey: &[f32], values: &[f32], width: usize) -> Result<Vec<u8>> {
    let most = values.iter().fold(f32::MIN_POSITIVE, |most, v| most.max(v.abs()));
    let of_grey = |&v: &f32| [(v.clamp(0.0, 1.0) * 255.0).round() as u8; 3];
    let on_white = |&value: &f32| {
        let strength = value.abs() / most;
        colour(value).map(|c| (255.0 - strength * (255.0 - f32::from(c))).round() as u8)
    };
    let left: Vec<[u8; 3]> = grey.iter().map(of_grey).collect();
    let right: Vec<[u8; 3]> = values.iter().map(on_white).collect();
    let mut bytes = Vec::new();
    for (left, right) in left.chunks_exact(width).zip(right.chunks_exact(width)) {
        let wide = |row: &[[u8; 3]]| row.iter().flat_map(|pixel| pixel.repeat(SCALE)).collect::<Vec<u8>>();
        let row = [wide(left), vec![255; 3 * SCALE], wide(right)].concat();
        bytes.extend(row.repeat(SCALE));
    }
    file(&bytes, (2 * width + 1) * SCALE, png::ColorType::Rgb)
}

/// Pixels of the longer side of an image on a sheet, at least, and between two images.
const CELL: usize = 84;
const GAP: usize = 3;

/// Grey images of one size in rows of `columns`, light gaps between them, enlarged where they are small. Values outside of 0 to 1 are
/// brought there, all by the same factor.
///
/// # Errors
/// [`Error::Data`] if it cannot be written as PNG.
pub fn sheet(images: &[&[f32]], [height, width]: [usize; 2], columns: usize) -> Result<Vec<u8>> {
    let values = || images.iter().flat_map(|image| image.iter().copied());
    let (least, most) = values().fold((0.0_f32, 1.0_f32), |(least, most), value| (least.min(value), most.max(value)));
    let scale = CELL.div_ceil(height.max(width));
    let (columns, rows) = (columns.min(images.len()).max(1), images.len().div_ceil(columns));
    let [across, down] = [(columns, width), (rows, height)].map(|(count, size)| count * (size * scale + GAP) + GAP);
    let mut bytes = vec![255; across * down];
    for (i, image) in images.iter().enumerate() {
        let (left, top) = (GAP + i % columns * (width * scale + GAP), GAP + i / columns * (height * scale + GAP));
        for (y, x) in (0..height * scale).flat_map(|y| (0..width * scale).map(move |x| (y, x))) {
            let value = (image[y / scale * width + x / scale] - least) / (most - least);
            bytes[(top + y) * across + left + x] = (value * 255.0).round() as u8;
        }
    }
    file(&bytes, across, png::ColorType::Grayscale)
}

/// Blue below 0, red above: far apart for those too who see red and green alike.
fn colour(value: f32) -> [u8; 3] {
    if value < 0.0 { [0, 114, 210] } else { [213, 70, 0] }
}

fn file(bytes: &[u8], width: usize, colour: png::ColorType) -> Result<Vec<u8>> {
    let height = bytes.len() / colour.samples() / width.max(1);
    let mut file = Vec::new();
    let written = || -> std::result::Result<(), png::EncodingError> {
        let mut encoder = png::Encoder::new(&mut file, width as u32, height as u32);
        encoder.set_color(colour);
        encoder.set_depth(png::BitDepth::Eight);
        // By this `places` knows the file to be of layerloop.
        encoder.add_text_chunk("Software".into(), concat!("layerloop ", env!("CARGO_PKG_VERSION")).into())?;
        encoder.write_header()?.write_image_data(bytes)
    };
    let mut written = written;
    written().map_err(|error| Error::config("picture", error.to_string()))?;
    Ok(file)
}

fn uri(bytes: &[u8], width: usize, colour: png::ColorType) -> Result<String> {
    Ok(format!("data:image/png;base64,{}", base64(&file(bytes, width, colour)?)))
}

/// RFC 4648.
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let four = |three: &[u8]| {
        let bits = three.iter().fold(0, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - three.len()));
        let digit = move |i: usize| {
            if i <= three.len() { char::from(DIGITS[(bits >> (18 - 6 * i) & 63) as usize]) } else { '=' }
        };
        (0..4).map(digit).collect::<String>()
    };
    bytes.chunks(3).map(four).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_as_the_standard_says() {
        let texts = ["", "f", "fo", "foo", "foob", "fooba", "foobar"];
        let expected = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        assert_eq!(texts.map(|text| base64(text.as_bytes())), expected);
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
    }

    #[test]
    fn a_picture_is_a_png() {
        assert!(grey(&[0.0, 0.5, 1.0, 2.0], 2).unwrap().starts_with("data:image/png;base64,iVBORw0KGgo"));
        assert!(diverging(&[-1.0, 0.0, 0.5, 1.0], 2, 1.0).unwrap().len() > 60);
    }
}
