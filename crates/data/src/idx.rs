//! IDX files, the format of MNIST: bytes in one or three dimensions, plain or gzip.
//!
//! Big endian: `00 00 08 RANK`, then RANK sizes of 4 bytes, then the values, row-major, to the end of the file.
//! A size is compared with the length of the file before anything is allocated.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use layerloop::data::zeroed_bytes;
use layerloop::{Error, Result, memory};

use crate::image::Grey;
use crate::temporary::no_room;
use crate::unpack::{DEFLATE_RATIO, Unpacked};

/// Most values that are read from one file: more than the memory of the machines this is for.
const MOST_VALUES: u64 = 16 << 30;

/// Grey images as they lie in an IDX file.
///
/// # Shapes
/// `pixels`: rows x height x width, row-major, 0 to 255.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// Number of images.
    pub rows: usize,
    /// Pixels of a column.
    pub height: usize,
    /// Pixels of a line.
    pub width: usize,
    /// All pixels.
    pub pixels: Arc<[u8]>,
}

impl Images {
    /// Image `row` by itself.
    ///
    /// # Panics
    /// If `row >= rows`.
    #[must_use]
    pub fn grey(&self, row: usize) -> Grey {
        let pixels = &self.pixels[row * self.height * self.width..][..self.height * self.width];
        let pixels = pixels.iter().map(|&byte| f32::from(byte) * (1.0 / 255.0)).collect();
        Grey { height: self.height, width: self.width, pixels }
    }
}

/// Reads a file of images: three dimensions.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read, [`Error::Format`] if it is not what it should be.
pub fn read_images(path: impl AsRef<Path>) -> Result<Images> {
    Ok(images(Idx::read(Unpacked::open(path.as_ref())?, path.as_ref())?.0))
}

/// Reads a file of labels: one dimension.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read, [`Error::Format`] if it is not what it should be.
pub fn read_labels(path: impl AsRef<Path>) -> Result<Arc<[u8]>> {
    Ok(Idx::<1>::read(Unpacked::open(path.as_ref())?, path.as_ref())?.0.values)
}

/// [`read_images`], with the SHA-256 of the unpacked file.
pub(crate) fn read_images_hashed(path: &Path) -> Result<(Images, String)> {
    let (idx, hash) = Idx::read(Unpacked::open(path)?.hashed(), path)?;
    Ok((images(idx), hash))
}

/// [`read_labels`], with the SHA-256 of the unpacked file.
pub(crate) fn read_labels_hashed(path: &Path) -> Result<(Arc<[u8]>, String)> {
    let (idx, hash) = Idx::<1>::read(Unpacked::open(path)?.hashed(), path)?;
    Ok((idx.values, hash))
}

/// The sizes of a file of images, whose pixels are written to `to`, and the SHA-256 of the unpacked file.
pub(crate) fn copy_images(path: &Path, to: &mut impl Write) -> Result<([usize; 3], String)> {
    Idx::<3>::copy(Unpacked::open(path)?.hashed(), path, to)
}

fn images(Idx { sizes: [rows, height, width], values }: Idx<3>) -> Images {
    Images { rows, height, width, pixels: values }
}

struct Idx<const RANK: usize> {
    sizes: [usize; RANK],
    values: Arc<[u8]>,
}

impl<const RANK: usize> Idx<RANK> {
    const HEADER: u64 = 4 + 4 * RANK as u64;

    fn read(mut file: Unpacked, path: &Path) -> Result<(Self, String)> {
        let sizes = Self::read_header(&mut file, path)?;
        let count = Self::count(sizes, path)?;
        Self::check_length(&file, sizes, count, path)?;
        memory::check(&path.display().to_string(), count as usize, "fewer rows")?;
        let mut values: Arc<[u8]> = zeroed_bytes(count as usize);
        let unshared = Arc::get_mut(&mut values).unwrap_or_default();
        let read = file.read(unshared)? as u64;
        if read < count {
            return Err(Self::short(Self::HEADER + read, sizes, count, path));
        }
        if file.read(&mut [0])? > 0 {
            return Err(Self::long(sizes, count, path));
        }
        Ok((Self { sizes: sizes.map(|size| size as usize), values }, file.sha256().unwrap_or_default()))
    }

    /// As [`Self::read`], without keeping the values.
    fn copy(mut file: Unpacked, path: &Path, to: &mut impl Write) -> Result<([usize; RANK], String)> {
        let sizes = Self::read_header(&mut file, path)?;
        let count = Self::count(sizes, path)?;
        Self::check_length(&file, sizes, count, path)?;
        let (mut chunk, mut left) = (vec![0; 1 << 16], count);
        while left > 0 {
            let wanted = chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let read = file.read(&mut chunk[..wanted])?;
            if read < wanted {
                return Err(Self::short(Self::HEADER + count - left + read as u64, sizes, count, path));
            }
            to.write_all(&chunk[..read]).map_err(no_room)?;
            left -= read as u64;
        }
        if file.read(&mut [0])? > 0 {
            return Err(Self::long(sizes, count, path));
        }
        Ok((sizes.map(|size| size as usize), file.sha256().unwrap_or_default()))
    }

    fn read_header(file: &mut Unpacked, path: &Path) -> Result<[u32; RANK]> {
        let mut header = [[0; 4]; 4]; // magic number and at most three sizes
        let bytes = &mut header.as_flattened_mut()[..Self::HEADER as usize];
        let read = file.read(bytes)?;
        if read >= 4 {
            check_magic(header[0], RANK as u8, path)?;
        }
        if (read as u64) < Self::HEADER {
            let reason = format!("the file ends at byte {read}, inside the {}-byte header of IDX", Self::HEADER);
            return Err(Error::format(path, reason));
        }
        Ok(std::array::from_fn(|i| u32::from_be_bytes(header[i + 1])))
    }

    /// The number of values, if it can be one.
    fn count(sizes: [u32; RANK], path: &Path) -> Result<u64> {
        if let Some(i) = sizes.iter().position(|&size| size == 0) {
            let reason =
                format!("size {} of {RANK} in the header, at byte {}, is 0: nothing to read", i + 1, 4 + 4 * i);
            return Err(Error::format(path, reason));
        }
        let count = sizes.iter().try_fold(1u64, |product, &size| product.checked_mul(u64::from(size)));
        count.filter(|&count| count <= MOST_VALUES && usize::try_from(count).is_ok()).ok_or_else(|| {
            let reason = format!(
                "the header claims {} bytes of values, at byte 4; at most {MOST_VALUES} can be read",
                times(&sizes)
            );
            Error::format(path, reason)
        })
    }

    /// Holds the header's claim against the length of the file, unpacking it for its length if nothing else tells.
    fn check_length(file: &Unpacked, sizes: [u32; RANK], count: u64, path: &Path) -> Result<()> {
        let total = Self::HEADER + count;
        let has = match file.could_be(total) {
            Some(true) => return Ok(()),
            Some(false) if file.is_packed() => {
                let reason = format!(
                    "the header claims {} = {count} bytes of values, but {} bytes of gzip unpack to {} at most",
                    times(&sizes),
                    file.length(),
                    file.length().saturating_mul(DEFLATE_RATIO)
                );
                return Err(Error::format(path, reason));
            }
            Some(false) => file.length(),
            None => Unpacked::open(path)?.skip_to_end(total)?,
        };
        match has {
            _ if has < total => Err(Self::short(has, sizes, count, path)),
            _ if has > total => Err(Self::long(sizes, count, path)),
            _ => Ok(()),
        }
    }

    fn short(end: u64, sizes: [u32; RANK], count: u64, path: &Path) -> Error {
        let reason = format!(
            "the file ends at byte {end}; with the {} = {count} values that its header claims it has {}",
            times(&sizes),
            Self::HEADER + count
        );
        Error::format(path, reason)
    }

    fn long(sizes: [u32; RANK], count: u64, path: &Path) -> Error {
        let reason = format!(
            "the file goes on after byte {}, where the {} = {count} values that its header claims end",
            Self::HEADER + count,
            times(&sizes)
        );
        Error::format(path, reason)
    }
}

fn check_magic(magic: [u8; 4], rank: u8, path: &Path) -> Result<()> {
    let expected = [0, 0, 8, rank];
    if magic == expected {
        return Ok(());
    }
    let hint = match magic {
        [0, 0, 8, 1] => ": this is a file of labels, not of images",
        [0, 0, 8, 3] => ": this is a file of images, not of labels",
        [0, 0, 9 | 11..=14, _] => ": its values are not bytes, the one kind that is read",
        _ => "",
    };
    let [got, expected] = [magic, expected].map(u32::from_be_bytes);
    Err(Error::format(path, format!("the magic number at byte 0 is {got:#010x}, expected {expected:#010x}{hint}")))
}

/// `60000 x 28 x 28`
fn times(sizes: &[u32]) -> String {
    sizes.iter().map(u32::to_string).collect::<Vec<_>>().join(" x ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn header(sizes: &[u32]) -> Vec<u8> {
        let sizes = sizes.iter().flat_map(|size| size.to_be_bytes());
        [0, 0, 8, (sizes.clone().count() / 4) as u8].into_iter().chain(sizes).collect()
    }

    /// Two images of 2 x 3.
    fn small() -> Vec<u8> {
        header(&[2, 2, 3]).into_iter().chain(0..12).collect()
    }

    fn read(bytes: &[u8]) -> std::result::Result<Images, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        read_images(file.path()).map_err(|error| {
            assert!(matches!(error, Error::Format { .. }), "{error}");
            error.to_string().replace(&format!("{}: ", file.path().display()), "")
        })
    }

    fn refused(bytes: &[u8]) -> String {
        read(bytes).unwrap_err()
    }

    #[test]
    fn plain_and_gzip_give_the_same_images() {
        let expected = Images { rows: 2, height: 2, width: 3, pixels: (0..12).collect() };
        assert_eq!(read(&small()).as_ref(), Ok(&expected));
        assert_eq!(read(&packed(&small())).as_ref(), Ok(&expected));
        let members = [packed(&small()[..20]), packed(&small()[20..])].concat();
        assert_eq!(read(&members).as_ref(), Ok(&expected), "gzip of two members");
        let second = [6.0, 7.0, 8.0, 9.0, 10.0, 11.0].map(|v| v * (1.0 / 255.0)).to_vec();
        assert_eq!(expected.grey(1), Grey { height: 2, width: 3, pixels: second });
    }

    #[test]
    fn the_magic_number_is_checked() {
        let labels = [header(&[2]), vec![1, 2]].concat();
        assert_eq!(
            refused(&labels),
            "the magic number at byte 0 is 0x00000801, expected 0x00000803: this is a file of labels, not of images"
        );
        let floats = [&[0, 0, 0x0d, 3], &small()[4..]].concat();
        assert!(
            refused(&floats)
                .ends_with("0x00000d03, expected 0x00000803: its values are not bytes, the one kind that is read")
        );
        assert_eq!(refused(b"hello"), "the magic number at byte 0 is 0x68656c6c, expected 0x00000803");
        assert_eq!(refused(&packed(b"hello")), refused(b"hello"));
    }

    #[test]
    fn labels_are_read_and_an_image_file_is_not_taken_for_them() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&[header(&[3]), vec![7, 0, 9]].concat()).unwrap();
        assert_eq!(read_labels(file.path()).unwrap()[..], [7, 0, 9]);
        file.as_file_mut().set_len(0).unwrap();
        std::fs::write(file.path(), small()).unwrap();
        let said = read_labels(file.path()).unwrap_err().to_string();
        assert!(said.ends_with("expected 0x00000801: this is a file of images, not of labels"), "{said}");
    }

    #[test]
    fn a_short_file_is_refused_at_every_length() {
        assert_eq!(refused(&[]), "the file ends at byte 0, inside the 16-byte header of IDX");
        let (plain, gzip) = (small(), packed(&small()));
        for length in 4..16 {
            let expected = format!("the file ends at byte {length}, inside the 16-byte header of IDX");
            assert_eq!(refused(&plain[..length]), expected);
            assert_eq!(refused(&packed(&plain[..length])), expected);
        }
        for length in 16..28 {
            let expected = format!(
                "the file ends at byte {length}; with the 2 x 2 x 3 = 12 values that its header claims it has 28"
            );
            assert_eq!(refused(&plain[..length]), expected);
            assert_eq!(refused(&packed(&plain[..length])), expected);
        }
        for length in 4..gzip.len() {
            let said = refused(&gzip[..length]);
            assert!(said.starts_with("damaged gzip data after "), "{length}: {said}");
        }
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let long = [small(), vec![0]].concat();
        let expected = "the file goes on after byte 28, where the 2 x 2 x 3 = 12 values that its header claims end";
        assert_eq!(refused(&long), expected);
        assert_eq!(refused(&packed(&long)), expected);
        assert_eq!(refused(&[packed(&small()), packed(&[0; 1])].concat()), expected);
        let said = refused(&[packed(&small()), b"garbage after it".to_vec()].concat());
        assert!(said.starts_with("damaged gzip data after 28 unpacked bytes: "), "{said}");
    }

    #[test]
    fn sizes_that_cannot_be_are_refused_from_the_header() {
        let max = u32::MAX;
        assert_eq!(
            refused(&header(&[max, max, max])),
            "the header claims 4294967295 x 4294967295 x 4294967295 bytes of values, at byte 4; \
             at most 17179869184 can be read"
        );
        assert!(refused(&header(&[1 << 20, 1 << 20, 4])).starts_with("the header claims 1048576 x 1048576 x 4 bytes"));
        assert_eq!(
            refused(&packed(&header(&[1 << 20, 1 << 10, 8]))),
            format!(
                "the header claims 1048576 x 1024 x 8 = 8589934592 bytes of values, \
                 but {0} bytes of gzip unpack to {1} at most",
                packed(&header(&[1 << 20, 1 << 10, 8])).len(),
                packed(&header(&[1 << 20, 1 << 10, 8])).len() * 1032
            )
        );
        assert!(refused(&header(&[1 << 20, 1 << 10, 8])).starts_with("the file ends at byte 16; with the 1048576"));
        assert_eq!(refused(&header(&[2, 0, 3])), "size 2 of 3 in the header, at byte 8, is 0: nothing to read");
    }

    #[test]
    fn a_sparse_file_of_terabytes_is_refused() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&header(&[1 << 20, 1 << 10, 1 << 10])).unwrap();
        file.as_file().set_len((1 << 40) + 16).unwrap();
        let said = read_images(file.path()).unwrap_err().to_string();
        assert!(said.ends_with("1048576 x 1024 x 1024 bytes of values, at byte 4; at most 17179869184 can be read"));
    }

    #[test]
    fn damaged_gzip_is_refused_or_reads_the_same_whichever_bit_is_flipped() {
        let (good, gzip) = (read(&small()).unwrap(), packed(&small()));
        let mut refusals = 0;
        for bit in 0..gzip.len() * 8 {
            let mut bytes = gzip.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            match read(&bytes) {
                Ok(images) => assert_eq!(images, good, "bit {bit}"),
                Err(_) => refusals += 1,
            }
        }
        assert!(refusals > gzip.len() * 4, "only {refusals} of {} flips were noticed", gzip.len() * 8);
    }
}
