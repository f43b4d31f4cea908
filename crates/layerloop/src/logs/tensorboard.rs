//! TensorBoard's event files: records of protocol buffers, each with its length and two checksums.
//!
//! Source: `event.proto`, `summary.proto` and `record_writer.h` of TensorFlow; wire types of Protocol Buffers.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::{Error, Result};

/// Buckets of a histogram.
const BUCKETS: usize = 30;

/// An event file that is being written.
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    file: File,
    /// Records that are not written yet.
    waiting: Vec<u8>,
}

impl EventFile {
    /// A new file in `folder`. TensorBoard discards what earlier files have after `step`: it reads them in the order of
    /// their names, which are numbered.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be made.
    pub fn create(folder: impl AsRef<Path>, step: u64) -> Result<Self> {
        let name = |n: u32| format!("events.out.tfevents.{n:010}.layerloop");
        let free = (0..).map(|n| folder.as_ref().join(name(n))).find(|path| !path.exists());
        let path = free.unwrap_or_default();
        let file = File::create_new(&path).map_err(Error::io(&path))?;
        let mut events = Self { path, file, waiting: Vec::new() };
        events.event(0, |event| event.text(3, "brain.Event:2"));
        // A session that starts here.
        events.event(step, |event| event.message(7, |log| log.number(1, 1)));
        events.flush()?;
        Ok(events)
    }

    /// A number.
    pub fn scalar(&mut self, tag: &str, step: u64, value: f64) {
        self.summary(tag, step, |value_of| value_of.float(2, value as f32));
    }

    /// How numbers are spread, in buckets of equal width between the smallest and the largest; those that are not finite are
    /// left out.
    pub fn histogram(&mut self, tag: &str, step: u64, values: &[f32]) {
        let finite = || values.iter().filter(|v| v.is_finite());
        let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
        let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
        for &v in finite() {
            (low, high) = (low.min(v), high.max(v));
            (count, sum, squares) = (count + 1.0, sum + f64::from(v), squares + f64::from(v) * f64::from(v));
        }
        if count == 0.0 {
            return;
        }
        let (low, high) = (f64::from(low), f64::from(high));
        let width = (high - low) / BUCKETS as f64;
        let mut counts = [0.0; BUCKETS];
        let bucket = |v: f32| ((f64::from(v) - low) / width) as usize; // 0 / 0 is the first one
        finite().for_each(|&v| counts[bucket(v).min(BUCKETS - 1)] += 1.0);
        let limits: Vec<f64> =
            (1..=BUCKETS).map(|i| if i == BUCKETS { high } else { low + width * i as f64 }).collect();
        self.summary(tag, step, |value_of| {
            value_of.message(5, |histogram| {
                (1..).zip([low, high, count, sum, squares]).for_each(|(field, value)| histogram.double(field, value));
                histogram.doubles(6, &limits);
                histogram.doubles(7, &counts);
            });
        });
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be written.
    pub fn flush(&mut self) -> Result<()> {
        let written = self.file.write_all(&self.waiting);
        self.waiting.clear();
        written.map_err(Error::io(&self.path))
    }

    /// A value of a summary of one.
    fn summary(&mut self, tag: &str, step: u64, fill: impl FnOnce(&mut Message)) {
        self.event(step, |event| {
            event.message(5, |summary| {
                summary.message(1, |value| {
                    value.text(1, tag);
                    fill(value);
                });
            });
        });
    }

    fn event(&mut self, step: u64, fill: impl FnOnce(&mut Message)) {
        let mut event = Message(Vec::new());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        event.double(1, now.as_secs_f64());
        event.number(2, step);
        fill(&mut event);
        let length = (event.0.len() as u64).to_le_bytes();
        self.waiting.extend(length);
        self.waiting.extend(masked(&length));
        self.waiting.extend(&event.0);
        self.waiting.extend(masked(&event.0));
    }
}

/// CRC-32C, turned and shifted, so that a checksum of a checksum is not a fixed point.
fn masked(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// A message of Protocol Buffers.
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 128 {
            self.0.push(value as u8 | 128);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn key(&mut self, field: u64, wire: u64) {
        self.varint(field << 3 | wire);
    }

    fn number(&mut self, field: u64, value: u64) {
        self.key(field, 0);
        self.varint(value);
    }

    fn double(&mut self, field: u64, value: f64) {
        self.key(field, 1);
        self.0.extend(value.to_le_bytes());
    }

    fn float(&mut self, field: u64, value: f32) {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.key(field, 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
    }

    fn text(&mut self, field: u64, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    fn doubles(&mut self, field: u64, values: &[f64]) {
        self.bytes(field, &values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>());
    }

    fn message(&mut self, field: u64, fill: impl FnOnce(&mut Self)) {
        let mut inner = Self(Vec::new());
        fill(&mut inner);
        self.bytes(field, &inner.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The records of a file: their checksums hold.
    fn records(bytes: &[u8]) -> Vec<Vec<u8>> {
        let (mut rest, mut records) = (bytes, Vec::new());
        while !rest.is_empty() {
            let (length, after) = rest.split_at(8);
            let (sum, after) = after.split_at(4);
            assert_eq!(masked(length), sum);
            let (record, after) = after.split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize);
            let (sum, after) = after.split_at(4);
            assert_eq!(masked(record), sum);
            records.push(record.to_vec());
            rest = after;
        }
        records
    }

    #[test]
    fn a_file_is_records_with_their_checksums() {
        // RFC 3720, B.4: 32 bytes of zeros.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        let folder = tempfile::tempdir().unwrap();
        let mut events = EventFile::create(folder.path(), 0).unwrap();
        events.scalar("loss/train", 300, 0.5);
        events.histogram("weights/1", 300, &[0.0, 1.0, 1.0, f32::NAN]);
        events.histogram("nothing", 300, &[f32::NAN]);
        events.histogram("one", 300, &[2.0, 2.0]);
        events.flush().unwrap();
        let records = records(&std::fs::read(&events.path).unwrap());
        assert_eq!(records.len(), 5);
        assert!(records[0].ends_with(b"brain.Event:2"));
        // step 300, then summary { value { tag: "loss/train" simple_value: 0.5 } }
        let expected = b"\x10\xac\x02\x2a\x13\x0a\x11\x0a\x0aloss/train\x15\x00\x00\x00\x3f";
        assert_eq!(records[2][9..], *expected);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        EventFile::create(folder.path(), 300).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
        // By name they are in the order in which they were made, which neither a clock nor a process's number is.
        let made: Vec<_> = (0..12).map(|_| EventFile::create(folder.path(), 300).unwrap().path).collect();
        assert!(made.is_sorted() && made[0] > events.path);
    }
}
