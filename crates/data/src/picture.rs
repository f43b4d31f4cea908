//! PNG and JPEG files as grey images.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageResult};
use layerloop::files::Kind;
use layerloop::{Error, Result};

use crate::image::Grey;
use crate::unpack::{DEFLATE_RATIO, open_file};

/// Most pixels of an image: 8192 x 8192.
const MOST_PIXELS: u64 = 1 << 26;

/// The formats of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Png,
    Jpeg,
}

/// A picture as it was decoded.
#[derive(Debug)]
pub(crate) struct Picture {
    height: usize,
    width: usize,
    /// Samples of a pixel: grey, grey with opacity, RGB, RGBA.
    channels: usize,
    samples: Samples,
}

#[derive(Debug)]
enum Samples {
    Bytes(Vec<u8>),
    Words(Vec<u16>),
}

/// Reads a PNG file (grey or colour, palette, 1 to 16 bits, interlaced) or a JPEG file (grey or colour, progressive). What is
/// transparent is seen on white; a picture that its camera has marked as turned is turned back.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read; [`Error::Format`] if it is neither, is damaged or cut short, or claims more
/// pixels than 8192 x 8192 or than its length can hold.
///
/// # Numerics
/// A colour becomes its luma by ITU-R BT.601, in whole numbers: a grey in colours is the same grey.
pub fn read_picture(path: impl AsRef<Path>) -> Result<Grey> {
    let path = path.as_ref();
    open_file(path)?; // a pipe might never end
    Ok(Picture::read(path)?.grey())
}

/// Height and width of the picture in the bytes of a file, from its header.
pub(crate) fn size_of(bytes: &[u8], path: &Path) -> Result<(usize, usize)> {
    if let Some((width, height)) = png_size(bytes) {
        Format::Png.check_size(bytes, (width, height), path)?;
        return Ok((height as usize, width as usize));
    }
    Ok(Decoder::new(bytes, path)?.size)
}

/// Bytes of a PNG file up to the end of the chunk that has its size.
const PNG_HEADER: usize = 33;

/// Width and height of a PNG file.
fn png_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let whole = bytes.len() >= PNG_HEADER && Format::of(bytes) == Some(Format::Png) && bytes[12..16] == *b"IHDR";
    if whole { number(16).zip(number(20)) } else { None }
}

impl Format {
    fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x89, b'P', b'N', b'G', ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        if self == Self::Png { "PNG" } else { "JPEG" }
    }

    fn damaged(self, error: &dyn std::fmt::Display, path: &Path) -> Error {
        Error::format(path, format!("this {} file cannot be read: {error}", self.name()))
    }
}

/// A picture whose header was read and checked.
struct Decoder<'a> {
    format: Format,
    inner: Box<dyn ImageDecoder + 'a>,
    orientation: Orientation,
    /// Height and width as they are seen.
    size: (usize, usize),
}

impl<'a> Decoder<'a> {
    /// Of all bytes of a file.
    fn new(bytes: &'a [u8], path: &Path) -> Result<Self> {
        let format = Format::of(bytes).ok_or_else(|| no_picture(bytes, path))?;
        if format == Format::Jpeg && !has_jpeg_end(bytes) {
            return Err(format.damaged(&"it is cut short", path));
        }
        if let Some(size) = png_size(bytes) {
            format.check_size(bytes, size, path)?;
        }
        let mut inner = format.decoder(bytes).map_err(|error| format.damaged(&error, path))?;
        let (width, height) = inner.dimensions();
        format.check_size(bytes, (width, height), path)?;
        let orientation = inner.orientation().unwrap_or(Orientation::NoTransforms);
        let (height, width) = (height as usize, width as usize);
        let is_turned = matches!(
            orientation,
            Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
        );
        let size = if is_turned { (width, height) } else { (height, width) };
        Ok(Self { format, inner, orientation, size })
    }
}

impl Format {
    fn decoder<'a>(self, bytes: &'a [u8]) -> ImageResult<Box<dyn ImageDecoder + 'a>> {
        Ok(match self {
            Self::Png => Box::new(PngDecoder::new(Cursor::new(bytes))?),
            Self::Jpeg => Box::new(JpegDecoder::new(Cursor::new(bytes))?),
        })
    }

    /// Holds the size that a header claims against the length of the file, before memory is taken for the pixels.
    fn check_size(self, bytes: &[u8], (width, height): (u32, u32), path: &Path) -> Result<()> {
        let pixels = u64::from(width) * u64::from(height);
        let refuse = |reason: &str| {
            let claims = format!("this {} file claims {width} x {height} pixels", self.name());
            Err(Error::format(path, format!("{claims}{reason}")))
        };
        if pixels > MOST_PIXELS {
            return refuse("; at most 8192 x 8192 are read");
        }
        let least = match self {
            Self::Png => {
                // Depth and colour type. A line is a byte that says how it is filtered, and its samples; all of it is deflated.
                let (depth, color) = (bytes.get(24).copied().unwrap_or(1), bytes.get(25).copied().unwrap_or(0));
                let samples = [1, 0, 3, 1, 2, 0, 4].get(usize::from(color)).copied().unwrap_or(1);
                (pixels * samples * u64::from(depth) / 8 + u64::from(height)) / DEFLATE_RATIO
            }
            // A block of 8 x 8 costs at least one bit.
            Self::Jpeg => pixels / 512,
        };
        if least > bytes.len() as u64 {
            return refuse(&format!(", more than its {} bytes can hold", bytes.len()));
        }
        Ok(())
    }
}

/// Whether the image data of a JPEG file come to their end: the marker of it stands behind the last that begins a scan.
fn has_jpeg_end(bytes: &[u8]) -> bool {
    let last = |marker: u8| bytes.windows(2).rposition(|pair| pair == [0xff, marker]);
    last(0xd9).is_some_and(|end| last(0xda).is_some_and(|scan| scan < end))
}

fn no_picture(bytes: &[u8], path: &Path) -> Error {
    let start = bytes.get(..Kind::ENOUGH as usize).unwrap_or(bytes);
    Error::format(path, format!("{}; a PNG or JPEG picture is needed", Kind::of_bytes(start).told()))
}

impl Picture {
    /// Reads and decodes a regular file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        Self::decode(&fs::read(path).map_err(Error::io(path))?, path)
    }

    /// Decodes the bytes of a file.
    pub(crate) fn decode(bytes: &[u8], path: &Path) -> Result<Self> {
        let Decoder { format, inner, orientation, .. } = Decoder::new(bytes, path)?;
        let mut image = DynamicImage::from_decoder(inner).map_err(|error| format.damaged(&error, path))?;
        image.apply_orientation(orientation);
        let (height, width) = (image.height() as usize, image.width() as usize);
        let (channels, samples) = match image {
            DynamicImage::ImageLuma8(image) => (1, Samples::Bytes(image.into_raw())),
            DynamicImage::ImageLumaA8(image) => (2, Samples::Bytes(image.into_raw())),
            DynamicImage::ImageRgb8(image) => (3, Samples::Bytes(image.into_raw())),
            DynamicImage::ImageRgba8(image) => (4, Samples::Bytes(image.into_raw())),
            DynamicImage::ImageLuma16(image) => (1, Samples::Words(image.into_raw())),
            DynamicImage::ImageLumaA16(image) => (2, Samples::Words(image.into_raw())),
            DynamicImage::ImageRgb16(image) => (3, Samples::Words(image.into_raw())),
            DynamicImage::ImageRgba16(image) => (4, Samples::Words(image.into_raw())),
            _ => return Err(format.damaged(&"its samples have neither 8 nor 16 bits", path)),
        };
        Ok(Self { height, width, channels, samples })
    }

    /// Height and width.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.height, self.width)
    }

    /// Grey values from 0 to 1.
    pub(crate) fn grey(&self) -> Grey {
        let pixels = match &self.samples {
            Samples::Bytes(bytes) => greys(bytes, self.channels, |v| v as f32 * (1.0 / 255.0)),
            Samples::Words(words) => greys(words, self.channels, |v| v as f32 * (1.0 / 65_535.0)),
        };
        Grey { height: self.height, width: self.width, pixels }
    }

    /// Grey values from 0 to 255.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        match self.samples {
            Samples::Bytes(bytes) if self.channels == 1 => bytes,
            Samples::Bytes(bytes) => greys(&bytes, self.channels, |v| v as u8),
            Samples::Words(words) => greys(&words, self.channels, |v| ((v + 128) / 257) as u8),
        }
    }
}

/// The grey value of each pixel, as `finish` wants it.
fn greys<S: Copy + Into<u32>, T>(samples: &[S], channels: usize, finish: impl Fn(u32) -> T) -> Vec<T> {
    let most = if std::mem::size_of::<S>() == 1 { 255 } else { 65_535 };
    let grey = |pixel: &[S]| match *pixel {
        [v] => v.into(),
        [v, opacity] => on_white(v.into(), opacity.into(), most),
        [r, g, b] => luma([r.into(), g.into(), b.into()]),
        [r, g, b, opacity] => on_white(luma([r.into(), g.into(), b.into()]), opacity.into(), most),
        _ => 0,
    };
    samples.chunks_exact(channels).map(|pixel| finish(grey(pixel))).collect()
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
    use png::{BitDepth, ColorType};

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
        read_picture(&path).map_err(|error| {
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
        assert_eq!(read(b"").unwrap_err(), "this is an empty file; a PNG or JPEG picture is needed");
        assert_eq!(
            read(b"GIF89a\0not a PNG at all").unwrap_err(),
            "this is a GIF picture: convert it to PNG or JPEG; a PNG or JPEG picture is needed"
        );
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
