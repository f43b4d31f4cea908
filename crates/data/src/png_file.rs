//! PNG files as grey images.

use std::io::BufReader;
use std::path::Path;

use layerloop::{Error, Result};
use png::{ColorType, Decoder, Transformations};

use crate::image::Grey;
use crate::unpack::{DEFLATE_RATIO, open_file};

/// Most pixels of an image: 8192 x 8192.
const MOST_PIXELS: u64 = 1 << 26;

/// Reads a PNG file of any kind: grey or colour, palette, 1 to 16 bits, transparent (seen on white), interlaced.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read; [`Error::Format`] if it is not a PNG file, is damaged, or claims more
/// pixels than 8192 x 8192 or than its length can hold.
pub fn read_png(path: impl AsRef<Path>) -> Result<Grey> {
    let path = path.as_ref();
    let (file, length) = open_file(path)?;
    let damaged = |error: png::DecodingError| Error::format(path, format!("this PNG file cannot be read: {error}"));
    let mut decoder = Decoder::new(BufReader::new(file));
    decoder.set_transformations(Transformations::EXPAND);
    check_size(decoder.read_header_info().map_err(damaged)?, length, path)?;
    let mut reader = decoder.read_info().map_err(damaged)?;
    let size = reader.output_buffer_size().ok_or_else(|| Error::format(path, "this PNG file is too large"))?;
    let mut bytes = vec![0; size];
    let frame = reader.next_frame(&mut bytes).map_err(damaged)?;
    let samples = Samples { bytes: &bytes, wide: frame.bit_depth == png::BitDepth::Sixteen };
    let pixels = samples.grey(frame.color_type, frame.width as usize * frame.height as usize);
    Ok(Grey { height: frame.height as usize, width: frame.width as usize, pixels })
}

fn check_size(header: &png::Info<'_>, length: u64, path: &Path) -> Result<()> {
    let (width, height) = header.size();
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        let reason = format!("this PNG file claims {width} x {height} pixels; at most 8192 x 8192 are read");
        return Err(Error::format(path, reason));
    }
    if header.raw_bytes() as u64 > length.saturating_mul(DEFLATE_RATIO) {
        let reason = format!("this PNG file claims {width} x {height} pixels, more than its {length} bytes can hold");
        return Err(Error::format(path, reason));
    }
    Ok(())
}

/// Decoded values of 8 bits, or 16 where `wide`.
struct Samples<'a> {
    bytes: &'a [u8],
    wide: bool,
}

impl Samples<'_> {
    fn at(&self, i: usize) -> u32 {
        if self.wide {
            u32::from(u16::from_be_bytes([self.bytes[2 * i], self.bytes[2 * i + 1]]))
        } else {
            u32::from(self.bytes[i])
        }
    }

    fn grey(&self, color: ColorType, count: usize) -> Vec<f32> {
        let channels = color.samples();
        let (most, scale) = if self.wide { (65_535, 1.0 / 65_535.0) } else { (255, 1.0 / 255.0) };
        let pixel = |at: usize| match color {
            ColorType::Grayscale | ColorType::Indexed => self.at(at),
            ColorType::GrayscaleAlpha => on_white(self.at(at), self.at(at + 1), most),
            ColorType::Rgb => luma([0, 1, 2].map(|c| self.at(at + c))),
            ColorType::Rgba => on_white(luma([0, 1, 2].map(|c| self.at(at + c))), self.at(at + 3), most),
        };
        (0..count).map(|i| pixel(i * channels) as f32 * scale).collect()
    }
}

/// Luma of ITU-R BT.601 with weights that sum to 2^16, so that a grey stays the grey that it is.
fn luma([red, green, blue]: [u32; 3]) -> u32 {
    (19_595 * red + 38_470 * green + 7_471 * blue + (1 << 15)) >> 16
}

/// What is seen of a grey value of some opacity in front of white.
fn on_white(grey: u32, opacity: u32, most: u32) -> u32 {
    (grey * opacity + most * (most - opacity) + most / 2) / most
}

#[cfg(test)]
mod tests {
    use super::*;
    use png::BitDepth;

    fn encoded(width: u32, color: ColorType, depth: BitDepth, palette: &[u8], data: &[u8]) -> Vec<u8> {
        let row = (color.samples() * width as usize * depth as usize).div_ceil(8);
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, (data.len() / row) as u32);
        encoder.set_color(color);
        encoder.set_depth(depth);
        if !palette.is_empty() {
            encoder.set_palette(palette);
        }
        encoder.write_header().unwrap().write_image_data(data).unwrap();
        bytes
    }

    fn read(bytes: &[u8]) -> std::result::Result<Grey, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.png");
        std::fs::write(&path, bytes).unwrap();
        read_png(&path).map_err(|error| {
            assert!(matches!(error, Error::Format { .. }), "{error}");
            error.to_string().replace(&format!("{}: ", path.display()), "")
        })
    }

    /// The pixels, in 255ths.
    fn levels(color: ColorType, depth: BitDepth, palette: &[u8], width: u32, data: &[u8]) -> Vec<f32> {
        let image = read(&encoded(width, color, depth, palette, data)).unwrap();
        assert_eq!((image.width, image.pixels.len()), (width as usize, image.height * width as usize));
        image.pixels.iter().map(|pixel| (pixel * 255.0 * 256.0).round() / 256.0).collect()
    }

    #[test]
    fn every_kind_of_png_is_read() {
        use ColorType::{Grayscale, GrayscaleAlpha, Indexed, Rgb, Rgba};
        let eight = |color, width, data: &[u8]| levels(color, BitDepth::Eight, &[], width, data);
        assert_eq!(eight(Grayscale, 2, &[0, 7, 128, 255]), [0.0, 7.0, 128.0, 255.0]);
        assert_eq!(eight(Grayscale, 1, &[9]), [9.0]);
        assert_eq!(eight(GrayscaleAlpha, 3, &[0, 255, 0, 0, 100, 51]), [0.0, 255.0, 224.0]);
        assert_eq!(eight(Rgb, 3, &[255, 0, 0, 0, 255, 0, 0, 0, 255]), [76.0, 150.0, 29.0]);
        assert_eq!(eight(Rgba, 2, &[7, 7, 7, 255, 7, 7, 7, 0]), [7.0, 255.0]);
        assert_eq!(levels(Grayscale, BitDepth::One, &[], 3, &[0b1010_0000]), [255.0, 0.0, 255.0]);
        assert_eq!(levels(Grayscale, BitDepth::Sixteen, &[], 2, &[0x80, 0x80, 0xff, 0xff]), [128.0, 255.0]);
        let palette = [10, 10, 10, 0, 255, 0];
        assert_eq!(levels(Indexed, BitDepth::Two, &palette, 4, &[0b0001_0100]), [10.0, 150.0, 150.0, 10.0]);
    }

    #[test]
    fn interlaced_images_are_read() {
        fn chunk(kind: &[u8], data: &[u8]) -> Vec<u8> {
            let mut crc = flate2::Crc::new();
            crc.update(kind);
            crc.update(data);
            [&(data.len() as u32).to_be_bytes(), kind, data, &crc.sum().to_be_bytes()].concat()
        }
        // Adam7 of 2 x 2 pixels: the first, its right neighbour, the second row; a 0 ahead of each says: no filter.
        let passes = [0, 10, 0, 20, 0, 30, 40];
        let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut packed, &passes).unwrap();
        let header = [0, 0, 0, 2, 0, 0, 0, 2, 8, 0, 0, 0, 1];
        let chunks = [chunk(b"IHDR", &header), chunk(b"IDAT", &packed.finish().unwrap()), chunk(b"IEND", &[])];
        let image = read(&[&b"\x89PNG\r\n\x1a\n"[..], &chunks.concat()].concat()).unwrap();
        assert_eq!(image.pixels, [10.0, 20.0, 30.0, 40.0].map(|v| v * (1.0 / 255.0)));
    }

    #[test]
    fn a_grey_is_the_same_grey_in_colour_and_equals_the_byte_of_an_idx_file() {
        let all: Vec<u8> = (0..=255).collect();
        let grey = read(&encoded(16, ColorType::Grayscale, BitDepth::Eight, &[], &all)).unwrap();
        let colour: Vec<u8> = all.iter().flat_map(|&v| [v, v, v, 255]).collect();
        assert_eq!(read(&encoded(16, ColorType::Rgba, BitDepth::Eight, &[], &colour)), Ok(grey.clone()));
        assert_eq!(grey.pixels, all.iter().map(|&v| f32::from(v) * (1.0 / 255.0)).collect::<Vec<_>>());
    }

    #[test]
    fn damaged_and_foreign_files_are_refused() {
        assert!(read(b"").unwrap_err().starts_with("this PNG file cannot be read: "));
        assert!(read(b"GIF89a, not a PNG at all").unwrap_err().starts_with("this PNG file cannot be read: "));
        let good = encoded(16, ColorType::Grayscale, BitDepth::Eight, &[], &(0..=255).collect::<Vec<u8>>());
        let image_end = good.len() - 12; // the last chunk says only that it is the last
        for length in 0..image_end {
            assert!(read(&good[..length]).is_err(), "cut to {length}");
        }
        for at in 0..image_end {
            let mut bytes = good.clone();
            bytes[at] ^= 0x10;
            assert!(read(&bytes).is_err(), "byte {at} changed");
        }
    }

    #[test]
    fn sizes_that_cannot_be_are_refused_from_the_header() {
        let claim = |width: u32, height: u32| {
            let mut bytes = Vec::new();
            drop(png::Encoder::new(&mut bytes, width, height).write_header().unwrap());
            read(&bytes[..33]).unwrap_err()
        };
        assert_eq!(
            claim(1 << 20, 1 << 20),
            "this PNG file claims 1048576 x 1048576 pixels; at most 8192 x 8192 are read"
        );
        assert_eq!(claim(8192, 8192), "this PNG file claims 8192 x 8192 pixels, more than its 33 bytes can hold");
    }
}
