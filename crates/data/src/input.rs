//! A file to predict from: told by its content, not by its name.

use std::io::Read;
use std::path::Path;

use layerloop::{Error, Result};

use crate::idx::{self, Images};
use crate::image::Grey;
use crate::unpack::open_file;

/// What was in a file.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// One PNG image, of any size.
    Picture(Grey),
    /// The images of an IDX file.
    Images(Images),
}

/// Reads a PNG file or an IDX file of images, plain or gzip.
///
/// # Errors
/// [`Error::Format`] if it is neither, or damaged; [`Error::Io`] if it cannot be read.
pub fn open_input(path: impl AsRef<Path>) -> Result<Input> {
    let path = path.as_ref();
    let mut start = Vec::new();
    open_file(path)?.0.take(8).read_to_end(&mut start).map_err(Error::io(path))?;
    match start[..] {
        [0x89, b'P', b'N', b'G', ..] => Ok(Input::Picture(crate::read_picture(path)?)),
        [0, 0, ..] | [0x1f, 0x8b, ..] => Ok(Input::Images(idx::read_images(path)?)),
        _ => {
            let reason = format!("neither a PNG nor an IDX file: it begins with {start:02x?}");
            Err(Error::format(path, reason))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_by_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let open = |bytes: &[u8]| {
            let path = folder.path().join("anything");
            std::fs::write(&path, bytes).unwrap();
            open_input(&path).map_err(|error| error.to_string())
        };
        let mut png = Vec::new();
        png::Encoder::new(&mut png, 1, 1).write_header().unwrap().write_image_data(&[255]).unwrap();
        assert_eq!(open(&png), Ok(Input::Picture(Grey { height: 1, width: 1, pixels: vec![1.0] })));
        let idx = [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 5, 6];
        let images = Images { rows: 1, height: 1, width: 2, pixels: [5, 6].into() };
        assert_eq!(open(&idx), Ok(Input::Images(images)));
        let said = open(b"\xff\xd8\xff\xe0JFIF").unwrap_err();
        assert!(
            said.ends_with("neither a PNG nor an IDX file: it begins with [ff, d8, ff, e0, 4a, 46, 49, 46]"),
            "{said}"
        );
        assert!(open(b"").unwrap_err().ends_with("neither a PNG nor an IDX file: it begins with []"));
    }
}
