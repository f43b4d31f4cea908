//! A file to predict from: told by its content, not by its name.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use layerloop::files::Kind;
use layerloop::{Error, Result};
use tempfile::NamedTempFile;

use crate::idx::{self, Images};
use crate::image::Grey;
use crate::picture_folder;
use crate::rows::Rows;
use crate::unpack::{Unpacked, open_file};

/// What was in a file.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// One PNG or JPEG image, of any size.
    Picture(Grey),
    /// The images of an IDX file.
    Images(Images),
    /// Rows of numbers as text.
    Rows(Rows),
}

/// The files that `path` stands for: itself, or if it is a folder all pictures in it and in its folders, by name.
///
/// # Errors
/// [`Error::Data`] if a folder has no pictures; [`Error::Io`] if it cannot be read.
pub fn files(path: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
    let path = path.as_ref();
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut files = Vec::new();
    pictures_below(path, &mut files)?;
    if files.is_empty() {
        return Err(Error::data(path, "this folder has no PNG or JPEG pictures"));
    }
    Ok(files)
}

fn pictures_below(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let [pictures, others] = picture_folder::pictures(folder)?;
    files.extend(pictures);
    // A link to a folder could lead back here.
    let is_folder = |path: &&PathBuf| path.is_dir() && !path.is_symlink();
    others.iter().filter(is_folder).try_for_each(|folder| pictures_below(folder, files))
}

/// Reads a PNG or JPEG file, an IDX file of images, or rows of numbers as CSV; the last two plain or gzip.
///
/// # Errors
/// [`Error::Format`] if it is none of them, or damaged; [`Error::Io`] if it cannot be read.
pub fn open_input(path: impl AsRef<Path>) -> Result<Input> {
    let path = path.as_ref();
    let mut start = Vec::new();
    open_file(path)?.0.take(Kind::ENOUGH).read_to_end(&mut start).map_err(Error::io(path))?;
    let is_gzip = start.starts_with(&[0x1f, 0x8b]);
    if is_gzip {
        start = vec![0; Kind::ENOUGH as usize];
        let length = Unpacked::open(path)?.read(&mut start)?;
        start.truncate(length);
    }
    let kind = Kind::of_bytes(&start);
    match kind.name {
        "a PNG picture" | "a JPEG picture" if !is_gzip => Ok(Input::Picture(crate::read_picture(path)?)),
        _ if start.starts_with(&[0, 0]) => Ok(Input::Images(idx::read_images(path)?)),
        "a text file" => Ok(Input::Rows(Rows::parse(&all_of(path)?, path)?)),
        _ => Err(Error::format(path, format!("{}; a picture (PNG, JPEG), an IDX file or CSV is needed", kind.told()))),
    }
}

/// [`open_input`] of what stands on standard input, which messages call `-`.
///
/// # Errors
/// As [`open_input`].
pub fn read_standard_input() -> Result<Input> {
    let name = Path::new("-");
    let mut file = NamedTempFile::new().map_err(Error::io(name))?;
    io::copy(&mut io::stdin().lock(), &mut file).map_err(Error::io(name))?;
    open_input(file.path()).map_err(|error| match error {
        Error::Format { reason, .. } => Error::format(name, reason),
        Error::Data { row: Some(row), reason, .. } => Error::row(name, row, reason),
        Error::Data { reason, .. } => Error::data(name, reason),
        other => other,
    })
}

/// All bytes of a file, unpacked.
fn all_of(path: &Path) -> Result<Vec<u8>> {
    let mut file = Unpacked::open(path)?;
    let (mut bytes, mut chunk) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        let count = file.read(&mut chunk)?;
        bytes.extend_from_slice(&chunk[..count]);
        if count < chunk.len() {
            return Ok(bytes);
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
        let rows = Rows { columns: None, width: 2, values: vec![1.0, 2.5] };
        assert_eq!(open(b"1,2.5\n"), Ok(Input::Rows(rows.clone())));
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut gzip, b"1,2.5\n").unwrap();
        assert_eq!(open(&gzip.finish().unwrap()), Ok(Input::Rows(rows)));
        let said = open(b"\x93NUMPY\x01").unwrap_err();
        assert!(said.contains("this is a NumPy array: write its rows as CSV"), "{said}");
        assert!(
            open(b"")
                .unwrap_err()
                .ends_with("this is an empty file; a picture (PNG, JPEG), an IDX file or CSV is needed")
        );
    }

    #[test]
    fn a_folder_stands_for_the_pictures_below_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("b")).unwrap();
        for name in ["b/2.JPG", "1.png", "notes.txt", ".hidden.png"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let found = files(folder.path()).unwrap();
        assert_eq!(found, ["1.png", "b/2.JPG"].map(|name| folder.path().join(name)));
        assert_eq!(files("x.png").unwrap(), [Path::new("x.png")]);
        std::fs::create_dir(folder.path().join("c")).unwrap();
        assert!(files(folder.path().join("c")).unwrap_err().to_string().contains("no PNG or JPEG pictures"));
    }
}
