//! A synthetic table of any size: ten numbers, four categories, a day and a boolean by which a label can be predicted, but not always.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

/// Bytes of a row, nearly.
const ROW: u64 = 100;
/// How far the numbers of the two labels are apart, in deviations.
const SHIFT: f64 = 0.2;
const JOBS: [&str; 6] = ["cook", "driver", "farmer", "nurse", "pilot", "teacher"];

/// Writes about so many bytes of rows; where they are `sorted`, those with the label `no` come first.
///
/// # Errors
/// Those of writing.
pub(super) fn write(path: &Path, bytes: u64, sorted: bool) -> io::Result<u64> {
    let rows = bytes / ROW;
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    writeln!(file, "x1,x2,x3,x4,x5,x6,x7,x8,x9,x10,job,town,shop,code,day,member,label")?;
    let mut random = Random(1);
    let mut line = Vec::new();
    for row in 0..rows {
        let yes = if sorted { row * 2 >= rows } else { random.next().is_multiple_of(2) };
        let side = if yes { SHIFT } else { -SHIFT };
        line.clear();
        for column in 0..10_i32 {
            if !random.next().is_multiple_of(50) {
                let x = random.normal() + if column % 2 == 0 { side } else { 0.0 };
                write!(line, "{:.3}", x * f64::from(1 + column) * 3.0 + f64::from(column * 10))?;
            }
            line.push(b',');
        }
        let near = |random: &mut Random, levels: u64| {
            (random.next() % levels + random.next() % levels + u64::from(yes)) % levels
        };
        let [job, town, shop, code] = [6, 20, 100, 1000].map(|levels| near(&mut random, levels));
        let day = random.next() % 28 + 1;
        let member = if random.next() % 10 < 4 + 2 * u64::from(yes) { "true" } else { "false" };
        let label = if yes { "yes" } else { "no" };
        writeln!(
            line,
            "{},town{town},s{shop},{code}x,2026-{:02}-{day:02},{member},{label}",
            JOBS[job as usize],
            random.next() % 12 + 1
        )?;
        file.write_all(&line)?;
    }
    file.flush()?;
    Ok(rows)
}

/// splitmix64 (Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The sum of four uniform numbers, with mean 0 and deviation 1.
    fn normal(&mut self) -> f64 {
        let bits = self.next();
        let sum: u64 = (0..4).map(|i| bits >> (16 * i) & 0xffff).sum();
        (sum as f64 / 65536.0 - 2.0) * 1.732
    }
}
