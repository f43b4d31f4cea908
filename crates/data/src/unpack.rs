//! The bytes of a file, unpacked if they are gzip: counted, hashed if asked, never more than are asked for.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::bufread::GzDecoder;
use layerloop::{Error, Result};
use sha2::{Digest, Sha256};

/// Deflate cannot expand further: a match of 258 bytes costs at least 2 bits.
pub(crate) const DEFLATE_RATIO: u64 = 1032;

/// Small enough that bytes are hashed while they are still in the cache.
const CHUNK: usize = 1 << 16;

pub(crate) struct Unpacked {
    path: PathBuf,
    reader: Box<dyn Read>,
    at: u64,
    length: u64,
    /// Unpacked length modulo 2^32, as the end of a gzip file has it.
    trailer: Option<u32>,
    hash: Option<Sha256>,
}

/// Opens a file that has a length: no folder, pipe or device.
pub(crate) fn open_file(path: &Path) -> Result<(File, u64)> {
    let about = fs::metadata(path).map_err(Error::io(path))?;
    if about.is_dir() {
        return Err(Error::format(path, "this is a folder; a file is needed"));
    }
    if !about.is_file() {
        return Err(Error::format(path, "this is a pipe or a device; a regular file is needed"));
    }
    Ok((File::open(path).map_err(Error::io(path))?, about.len()))
}

impl Unpacked {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let (mut file, length) = open_file(path)?;
        let trailer = gzip_trailer(&mut file, length).map_err(Error::io(path))?;
        let mut reader = BufReader::with_capacity(CHUNK, file);
        let packed = reader.fill_buf().map_err(Error::io(path))?.starts_with(&[0x1f, 0x8b]);
        let (reader, trailer): (Box<dyn Read>, _) = if packed {
            (Box::new(Members(Some(GzDecoder::new(reader)))), Some(trailer))
        } else {
            (Box::new(reader), None)
        };
        Ok(Self { path: path.to_path_buf(), reader, at: 0, length, trailer, hash: None })
    }

    /// From here on [`Self::sha256`] is kept up.
    pub(crate) fn hashed(mut self) -> Self {
        self.hash = Some(Sha256::new());
        self
    }

    /// Fills `buffer`, or as much of it as there are bytes.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            let end = buffer.len().min(filled + CHUNK);
            match self.reader.read(&mut buffer[filled..end]) {
                Ok(0) => break,
                Ok(count) => {
                    if let Some(hash) = &mut self.hash {
                        hash.update(&buffer[filled..filled + count]);
                    }
                    filled += count;
                    self.at += count as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(filled)
    }

    /// Reads on to the end, but not past byte `limit` + 1; the number of bytes from the start.
    pub(crate) fn skip_to_end(&mut self, limit: u64) -> Result<u64> {
        let mut chunk = vec![0; CHUNK];
        while self.at <= limit {
            let wanted = (limit + 1 - self.at).min(CHUNK as u64) as usize;
            if self.read(&mut chunk[..wanted])? == 0 {
                break;
            }
        }
        Ok(self.at)
    }

    /// Whether the file could be `total` bytes long unpacked, found without unpacking it: `None` if it must be tried.
    pub(crate) fn could_be(&self, total: u64) -> Option<bool> {
        match self.trailer {
            None => Some(self.length == total),
            Some(_) if total > self.length.saturating_mul(DEFLATE_RATIO) => Some(false),
            Some(trailer) => (u64::from(trailer) == total & 0xffff_ffff).then_some(true),
        }
    }

    /// Length of the file as it lies on the disk.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    pub(crate) fn is_packed(&self) -> bool {
        self.trailer.is_some()
    }

    /// SHA-256 of what was read since [`Self::hashed`], in hexadecimal.
    pub(crate) fn sha256(self) -> Option<String> {
        Some(self.hash?.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn failed(&self, source: std::io::Error) -> Error {
        match source.kind() {
            ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::UnexpectedEof if self.is_packed() => {
                let reason = format!("damaged gzip data after {} unpacked bytes: {source}", self.at);
                Error::format(&self.path, reason)
            }
            _ => Error::io(&self.path)(source),
        }
    }
}

/// The members of a gzip file, one after the other; zeros may follow the last, as on a tape or after a transfer in blocks.
struct Members<R>(Option<GzDecoder<R>>);

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(member) = &mut self.0 {
            let count = member.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            self.0 = self.0.take().map(GzDecoder::into_inner).map(next_member).transpose()?.flatten();
        }
        Ok(0)
    }
}

/// The member that follows, if there is one.
fn next_member<R: BufRead>(mut reader: R) -> std::io::Result<Option<GzDecoder<R>>> {
    let mut padded = false;
    loop {
        let bytes = reader.fill_buf()?;
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        match (bytes.len(), zeros) {
            (0, _) => return Ok(None),
            (length, zeros) if zeros < length => {
                let after_zeros = padded || zeros > 0;
                let reason = "something follows the zeros after its end";
                let refused = || std::io::Error::new(ErrorKind::InvalidData, reason);
                return if after_zeros { Err(refused()) } else { Ok(Some(GzDecoder::new(reader))) };
            }
            (length, _) => {
                padded = true;
                reader.consume(length);
            }
        }
    }
}

fn gzip_trailer(file: &mut File, length: u64) -> std::io::Result<u32> {
    let mut trailer = [0; 4];
    if length >= 4 {
        file.seek(SeekFrom::End(-4))?;
        file.read_exact(&mut trailer)?;
        file.seek(SeekFrom::Start(0))?;
    }
    Ok(u32::from_le_bytes(trailer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn written(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn the_hash_is_of_the_unpacked_bytes_however_they_are_packed() {
        const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let two_members = [packed(b"a"), packed(b"bc")].concat();
        for bytes in [b"abc".to_vec(), packed(b"abc"), two_members] {
            let file = written(&bytes);
            let mut reader = Unpacked::open(file.path()).unwrap().hashed();
            assert_eq!(reader.skip_to_end(100).unwrap(), 3);
            assert_eq!(reader.sha256().as_deref(), Some(ABC));
        }
    }

    /// As `gzip -t`: zeros at the end are padding, anything else is damage.
    #[test]
    fn zeros_may_follow_a_gzip_file_and_nothing_else() {
        let read = |bytes: &[u8]| {
            let file = written(bytes);
            let mut reader = Unpacked::open(file.path()).unwrap();
            let mut text = [0; 100];
            reader.read(&mut text).map(|count| text[..count].to_vec()).map_err(|error| error.to_string())
        };
        for zeros in [1, 3, 512, 3 * CHUNK] {
            let two = [packed(b"a"), packed(b"bc"), vec![0; zeros]].concat();
            assert_eq!(read(&two).as_deref(), Ok(&b"abc"[..]), "{zeros} zeros");
            let more = [packed(b"abc"), vec![0; zeros], b"x".to_vec()].concat();
            assert!(read(&more).unwrap_err().contains("damaged gzip data after 3 unpacked bytes"), "{zeros} zeros");
        }
        assert!(read(&[packed(b"abc"), b"garbage".to_vec()].concat()).is_err());
    }

    #[test]
    fn a_gzip_bomb_is_unpacked_no_further_than_asked() {
        let zeros = vec![0; 10_000_000];
        let bomb = packed(&zeros);
        assert!(bomb.len() < 10_000);
        let file = written(&bomb);
        assert_eq!(Unpacked::open(file.path()).unwrap().skip_to_end(1000).unwrap(), 1001);
    }

    #[test]
    fn no_gzip_file_expands_further_than_the_ratio() {
        let zeros = vec![0; 10_000_000];
        let file = written(&packed(&zeros));
        let reader = Unpacked::open(file.path()).unwrap();
        assert_eq!(reader.could_be(zeros.len() as u64), Some(true));
        assert_eq!(reader.could_be(zeros.len() as u64 + 1), None);
        assert_eq!(reader.could_be(zeros.len() as u64 + (1 << 32)), Some(false));
    }

    #[test]
    fn folders_and_devices_are_refused() {
        let said = |path: &Path| Unpacked::open(path).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(said(&std::env::temp_dir()).ends_with("this is a folder; a file is needed"));
        if cfg!(unix) {
            assert!(said(Path::new("/dev/null")).contains("a regular file is needed"));
        }
    }
}
