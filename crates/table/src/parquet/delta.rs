//! Texts by their lengths and shared beginnings, as plain ones: parquet's own decoder panics where a damaged length leads out of the page.

use parquet::basic::Encoding;

/// Bytes of a page, at most.
const MOST: usize = i32::MAX as usize;

/// The values of a page in `encoding`, each as its length and its bytes; or, if all have `width` bytes, as its bytes.
pub(super) fn plain(encoding: Encoding, values: &[u8], count: usize, width: Option<usize>) -> Option<Vec<u8>> {
    let mut input = Input(values);
    let prefixes = if encoding == Encoding::DELTA_BYTE_ARRAY { Some(input.lengths(count)?) } else { None };
    let lengths = input.lengths(count)?;
    let (mut plain, mut last) = (Vec::new(), 0..0_usize);
    for (i, length) in lengths.into_iter().enumerate() {
        let shared = match &prefixes {
            Some(prefixes) => *prefixes.get(i)?,
            None => 0,
        };
        let shared = last.start..last.start.checked_add(shared).filter(|end| *end <= last.end)?;
        let size = shared.len() + length;
        if width.is_some_and(|width| width != size) || plain.len() + size > MOST {
            return None;
        }
        if width.is_none() {
            plain.extend((size as u32).to_le_bytes());
        }
        let start = plain.len();
        plain.extend_from_within(shared);
        plain.extend_from_slice(input.take(length)?);
        last = start..plain.len();
    }
    Some(plain)
}

/// Bytes that are left.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// Seven bits a byte, the lowest first.
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Some(number);
            }
        }
        None
    }

    /// As [`Self::number`], the sign in the lowest bit.
    fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// At most `most` whole numbers: the first, and in blocks the differences from one to the next, packed in so few bits that the largest
    /// of them fits.
    fn lengths(&mut self, most: usize) -> Option<Vec<usize>> {
        let (block, parts) = (self.number()? as usize, self.number()? as usize);
        let total = usize::try_from(self.number()?).ok().filter(|total| *total <= most)?;
        let mut value = self.signed()?;
        let part = block.checked_div(parts).filter(|part| *part > 0 && part % 8 == 0 && block <= 1 << 20)?;
        let mut lengths = Vec::new();
        if total > 0 {
            lengths.push(usize::try_from(value).ok()?);
        }
        while lengths.len() < total {
            let least = self.signed()?;
            for bits in self.take(parts)?.iter().map(|bits| usize::from(*bits)) {
                if lengths.len() == total {
                    break;
                }
                let packed = self.take(part.checked_mul(bits)? / 8)?;
                for i in 0..part.min(total - lengths.len()) {
                    value = value.wrapping_add(least).wrapping_add(unpacked(packed, i, bits)? as i64);
                    lengths.push(usize::try_from(value).ok().filter(|length| *length <= MOST)?);
                }
            }
        }
        Some(lengths)
    }
}

/// The number in the place `i` of numbers of so many bits.
fn unpacked(packed: &[u8], i: usize, bits: usize) -> Option<u64> {
    if bits > 64 {
        return None;
    }
    let bit = |at: usize| u64::from(packed[at / 8] >> (at % 8) & 1);
    Some((0..bits).fold(0, |number, j| number | bit(i * bits + j) << j))
}
