//! Pictures in the page itself: PNG in base64.

use layerloop::{Error, Result};

/// Grey, from 0 to 1.
pub(super) fn grey(values: &[f32], width: usize) -> Result<String> {
    let bytes: Vec<u8> = values.iter().map(|v| (v.clamp(0.0, 1.0) * 255.0).round() as u8).collect();
    uri(&bytes, width, png::ColorType::Grayscale)
}

/// Negative values blue, positive ones red, the stronger the larger beside `most`; on any ground.
pub(super) fn diverging(values: &[f32], width: usize, most: f32) -> Result<String> {
    let pixel = |&value: &f32| {
        let [red, green, blue] = if value < 0.0 { [0, 114, 210] } else { [213, 70, 0] };
        [red, green, blue, ((value.abs() / most.max(f32::MIN_POSITIVE)).min(1.0) * 255.0).round() as u8]
    };
    let bytes: Vec<u8> = values.iter().flat_map(pixel).collect();
    uri(&bytes, width, png::ColorType::Rgba)
}

fn uri(bytes: &[u8], width: usize, colour: png::ColorType) -> Result<String> {
    let height = bytes.len() / colour.samples() / width.max(1);
    let mut file = Vec::new();
    let written = || -> std::result::Result<(), png::EncodingError> {
        let mut encoder = png::Encoder::new(&mut file, width as u32, height as u32);
        encoder.set_color(colour);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.write_header()?.write_image_data(bytes)
    };
    let mut written = written;
    written().map_err(|error| Error::config("picture", error.to_string()))?;
    Ok(format!("data:image/png;base64,{}", base64(&file)))
}

/// RFC 4648.
fn base64(bytes: &[u8]) -> String {
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
