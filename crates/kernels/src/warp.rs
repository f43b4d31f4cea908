//! Images under a map: where each pixel comes from, bilinear sampling, smooth random displacements, random noise.

use crate::isa::{Isa, Kernel, LANES, Simd};
use crate::lanes;

/// Rows that are smoothed side by side, so that their sums do not wait for each other.
const TOGETHER: usize = 4;

/// Standard deviations at which a Gaussian is cut off.
const CUT: f64 = 3.0;

/// Pixels of an image with its border: below this a place in it is exact as f32.
const MOST: usize = 1 << 23;

/// The lanes' numbers.
const LANE: [f32; LANES] = {
    let mut lane = [0.0; LANES];
    let mut i = 0;
    while i < LANES {
        lane[i] = i as f32;
        i += 1;
    }
    lane
};

/// From a pixel (x, y) of the result to where it comes from: (a x + b y + c, d x + e y + f) for `[[a, b, c], [d, e, f]]`.
///
/// Pixel centres have whole coordinates: (0, 0) is the first pixel of the first row.
pub type Affine = [[f32; 3]; 2];

/// Moves the pixels of images of one size, with the memory for it.
#[derive(Debug, Clone)]
pub struct Warp {
    height: usize,
    width: usize,
    /// The image with a border of zeros: one pixel before it, two behind it.
    border: Vec<f32>,
    displacements: Option<Displacements>,
}

/// Two smooth random fields: how much further right, and further down, a pixel comes from.
///
/// Each is noise, uniform on [-1, 1], smoothed by a Gaussian (zeros outside of the image), times an amplitude.
#[derive(Debug, Clone)]
struct Displacements {
    /// The Gaussian at -r, ..., r; it sums to 1.
    taps: Vec<f32>,
    amplitude: f32,
    /// The noise of one field, with r rows of zeros before and behind it.
    noise: Vec<f32>,
    /// The field, smoothed down its columns, with r columns of zeros before and behind them.
    columns: Vec<f32>,
    /// Both fields.
    values: Vec<f32>,
}

impl Warp {
    /// For images of `height` x `width` pixels.
    ///
    /// # Panics
    /// If an image has no pixel, or 2^23 and more with its border.
    #[must_use]
    pub fn new(height: usize, width: usize) -> Self {
        let sizes = [height.checked_add(3), width.checked_add(3)];
        let pixels = sizes[0].zip(sizes[1]).and_then(|(height, width)| height.checked_mul(width));
        assert!(height > 0 && width > 0 && pixels.is_some_and(|pixels| pixels < MOST), "{height} x {width} pixels");
        Self { height, width, border: vec![0.0; (height + 3) * (width + 3)], displacements: None }
    }

    /// With random displacements, in pixels: noise times `alpha`, smoothed by a Gaussian of standard deviation `sigma`.
    ///
    /// # Panics
    /// If `sigma` is not above 0 and at most 1000.
    #[must_use]
    pub fn with_displacements(self, alpha: f32, sigma: f64) -> Self {
        assert!(sigma > 0.0 && sigma <= 1000.0, "a Gaussian of standard deviation {sigma}");
        let radius = (CUT * sigma).ceil() as usize;
        let gaussian = |offset: usize| exp(-0.5 * (offset as f64 / sigma) * (offset as f64 / sigma));
        let taps: Vec<f64> = (0..=2 * radius).map(|i| gaussian(i.abs_diff(radius))).collect();
        let sum: f64 = taps.iter().sum();
        let (rows, columns) = (self.height.next_multiple_of(TOGETHER), self.width.next_multiple_of(LANES));
        let displacements = Displacements {
            taps: taps.iter().map(|tap| (tap / sum) as f32).collect(),
            amplitude: alpha,
            noise: vec![0.0; (rows + 2 * radius) * columns],
            columns: vec![0.0; rows * (columns + 2 * radius)],
            values: vec![0.0; 2 * rows * columns],
        };
        Self { displacements: Some(displacements), ..self }
    }

    /// Draws the displacements of the coming images, where there are any: a function of the keys.
    pub fn draw(&mut self, isa: Isa, keys: [u32; 2]) {
        let Self { height, width, displacements, .. } = self;
        if let Some(displacements) = displacements {
            isa.run(Draw { size: [*height, *width], keys, displacements });
        }
    }

    /// `image`, moved by `map` and the displacements that were drawn last, in place: a bilinear mean of the four pixels around
    /// where each comes from; outside of the image all is 0.
    ///
    /// # Panics
    /// If the image has another size.
    pub fn apply(&mut self, isa: Isa, map: Affine, image: &mut [f32]) {
        let Self { height, width, border, displacements } = self;
        assert_eq!(image.len(), *height * *width, "pixels of an image");
        let inside = border.chunks_exact_mut(*width + 3).skip(1);
        inside.zip(image.chunks_exact(*width)).for_each(|(to, from)| to[1..=*width].copy_from_slice(from));
        isa.run(Sample { size: [*height, *width], border, displacements: displacements.as_ref(), map, out: image });
    }
}

/// e^x of IEEE operations alone, so that the taps have the same bits on every platform: the 2^-20th part, squared 20 times.
fn exp(x: f64) -> f64 {
    let part = x / f64::from(1 << 20);
    let series = 1.0 + part * (1.0 + part * (0.5 + part / 6.0));
    (0..20).fold(series, |power, _| power * power)
}

struct Draw<'a> {
    size: [usize; 2],
    keys: [u32; 2],
    displacements: &'a mut Displacements,
}

impl Kernel for Draw<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { size: [height, width], keys, displacements } = self;
        let Displacements { taps, amplitude, noise, columns, values } = displacements;
        let (stride, radius) = (width.next_multiple_of(LANES), taps.len() / 2);
        let (long, rows) = (stride + 2 * radius, height.next_multiple_of(TOGETHER));
        let [one, two, amplitude] = [1.0, 2.0, *amplitude].map(|value| simd.splat(value));
        for (field, values) in values.chunks_exact_mut(rows * stride).enumerate() {
            for (y, row) in noise[radius * stride..].chunks_exact_mut(stride).take(height).enumerate() {
                for x in (0..width).step_by(LANES) {
                    let uniform = simd.uniform(((field * height + y) * stride + x) as u32, keys);
                    let noise = simd.sub(simd.mul(uniform, two), one);
                    lanes::store(simd, row, x, simd.mul(noise, lanes::ones(simd, width - x)));
                }
            }
            // Down the columns, then along the rows.
            for y in (0..rows).step_by(TOGETHER) {
                for x in (0..stride).step_by(LANES) {
                    let sums = smoothed(simd, taps, &noise[y * stride + x..], stride, stride);
                    for (i, sum) in sums.into_iter().enumerate() {
                        lanes::store(simd, columns, (y + i) * long + radius + x, sum);
                    }
                }
            }
            for y in (0..rows).step_by(TOGETHER) {
                for x in (0..stride).step_by(LANES) {
                    let sums = smoothed(simd, taps, &columns[y * long + x..], 1, long);
                    for (i, sum) in sums.into_iter().enumerate() {
                        lanes::store(simd, values, (y + i) * stride + x, simd.mul(sum, amplitude));
                    }
                }
            }
        }
    }
}

/// sum_k taps_k v(k `step` + i `stride`) for each of some rows i, sixteen lanes of each.
#[inline(always)]
fn smoothed<S: Simd>(simd: S, taps: &[f32], values: &[f32], step: usize, stride: usize) -> [S::F32s; TOGETHER] {
    let mut sums = [simd.splat(0.0); TOGETHER];
    for (k, &tap) in taps.iter().enumerate() {
        let tap = simd.splat(tap);
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum = simd.mul_add(lanes::load(simd, values, k * step + i * stride), tap, *sum);
        }
    }
    sums
}

struct Sample<'a> {
    size: [usize; 2],
    border: &'a [f32],
    displacements: Option<&'a Displacements>,
    map: Affine,
    out: &'a mut [f32],
}

impl Kernel for Sample<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { size: [height, width], border, displacements, map: [to_x, to_y], out } = self;
        let (stride, padded) = (width + 3, width.next_multiple_of(LANES));
        let further = displacements
            .map(|displacements| displacements.values.split_at(height.next_multiple_of(TOGETHER) * padded));
        let [slope_x, slope_y] = [to_x, to_y].map(|[slope, ..]| simd.splat(slope));
        let (strides, lane) = (simd.splat(stride as f32), lanes::load(simd, &LANE, 0));
        for (y, out) in out.chunks_exact_mut(width).enumerate() {
            let [start_x, start_y] = [to_x, to_y].map(|[_, b, c]| simd.splat(b.mul_add(y as f32, c)));
            for x in (0..width).step_by(LANES) {
                let place = simd.add(simd.splat(x as f32), lane);
                let mut from = [(slope_x, start_x), (slope_y, start_y)].map(|(a, b)| simd.mul_add(place, a, b));
                if let Some((right, down)) = further {
                    from = [(from[0], right), (from[1], down)]
                        .map(|(from, field)| simd.add(from, lanes::load(simd, field, y * padded + x)));
                }
                let [(left, share_x), (top, share_y)] =
                    [(from[0], width), (from[1], height)].map(|(from, size)| cell(simd, from, size));
                let at = simd.to_array(simd.mul_add(top, strides, left));
                let [above, below] = [0, stride].map(|down| pairs(simd, border, at, down));
                let [above, below] = [above, below].map(|[a, b]| simd.mul_add(share_x, simd.sub(b, a), a));
                lanes::store_some(simd, &mut out[x..], simd.mul_add(share_y, simd.sub(below, above), above));
            }
        }
    }
}

/// The number of the cell of the bordered image that a coordinate lies in, and how far inside. What is outside of the image lies
/// in its border.
#[inline(always)]
fn cell<S: Simd>(simd: S, from: S::F32s, size: usize) -> (S::F32s, S::F32s) {
    let [zero, one, last] = [0.0, 1.0, size as f32 + 1.0].map(|value| simd.splat(value));
    let from = simd.min(simd.max(simd.add(from, one), zero), last);
    let nearest = simd.round(from);
    let number = simd.sub(nearest, simd.select_gt(nearest, from, one, zero));
    (number, simd.sub(from, number))
}

/// For each lane the pixel at its place and the next one.
#[inline(always)]
fn pairs<S: Simd>(simd: S, border: &[f32], at: [f32; LANES], down: usize) -> [S::F32s; 2] {
    let mut pairs = [[0.0; LANES]; 2];
    for (lane, at) in at.into_iter().enumerate() {
        // A whole number below 2^23: its bits are those of the sum with 2^23, behind the exponent.
        let at = ((at + MOST as f32).to_bits() & (MOST as u32 - 1)) as usize + down;
        let pair = &border[at..at + 2];
        (pairs[0][lane], pairs[1][lane]) = (pair[0], pair[1]);
    }
    pairs.map(|lanes| lanes::load(simd, &lanes, 0))
}

/// Adds noise to `values`, of mean 0 and this standard deviation: the sum of twelve uniform numbers, which is nearly normal.
pub fn add_noise(isa: Isa, deviation: f32, keys: [u32; 2], values: &mut [f32]) {
    struct Noise<'a>(f32, [u32; 2], &'a mut [f32]);
    impl Kernel for Noise<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self(deviation, keys, values) = self;
            let [deviation, mean] = [deviation, 6.0].map(|value| simd.splat(value));
            for (sixteen, part) in values.chunks_mut(LANES).enumerate() {
                let first = (sixteen * 12 * LANES) as u32;
                let uniform = |i: u32| simd.uniform(first.wrapping_add(i * LANES as u32), keys);
                let sum = (1..12).fold(uniform(0), |sum, i| simd.add(sum, uniform(i)));
                let noise = simd.sub(sum, mean);
                let noisy = simd.mul_add(noise, deviation, lanes::load_or_zero(simd, part));
                lanes::store_some(simd, part, noisy);
            }
        }
    }
    isa.run(Noise(deviation, keys, values));
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: Affine = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];

    fn image(height: usize, width: usize) -> Vec<f32> {
        (0..height * width).map(|i| (i * 7919 % 256) as f32 / 255.0).collect()
    }

    fn moved(isa: Isa, warp: &mut Warp, map: Affine, image: &[f32]) -> Vec<f32> {
        let mut out = image.to_vec();
        warp.apply(isa, map, &mut out);
        out
    }

    #[test]
    fn maps_to_whole_pixels_move_them_exactly() {
        for (height, width) in [(1, 1), (3, 5), (28, 28), (16, 33)] {
            let image = image(height, width);
            for isa in Isa::available() {
                let mut warp = Warp::new(height, width);
                let pixel = |x: usize, y: usize| image[y * width + x];
                let mut whole = |map: Affine, want: &dyn Fn(usize, usize) -> f32| {
                    let got = moved(isa, &mut warp, map, &image);
                    for (at, got) in got.into_iter().enumerate() {
                        assert_eq!(got, want(at % width, at / width), "pixel {at} of {height} x {width}");
                    }
                };
                whole(IDENTITY, &pixel);
                whole([[-1.0, 0.0, width as f32 - 1.0], [0.0, 1.0, 0.0]], &|x, y| pixel(width - 1 - x, y));
                // Two to the left, one down.
                whole([[1.0, 0.0, 2.0], [0.0, 1.0, -1.0]], &|x, y| {
                    if x + 2 < width && y > 0 { pixel(x + 2, y - 1) } else { 0.0 }
                });
                whole([[1.0, 0.0, 1e30], [0.0, 1.0, -1e30]], &|_, _| 0.0);
            }
        }
    }

    /// Beside f64, pixel by pixel.
    #[test]
    fn a_pixel_is_the_bilinear_mean_around_where_it_comes_from_with_the_same_bits_on_every_isa() {
        for (height, width) in [(1, 1), (7, 4), (28, 28), (20, 40)] {
            let image = image(height, width);
            let at = |x: f64, y: f64| {
                let inside = x >= 0.0 && y >= 0.0 && x < width as f64 && y < height as f64;
                if inside { f64::from(image[y as usize * width + x as usize]) } else { 0.0 }
            };
            let map = [[0.9, -0.3, 1.7], [0.25, 1.1, -2.2]];
            for displaced in [false, true] {
                let results = Isa::available().into_iter().map(|isa| {
                    let warp = Warp::new(height, width);
                    let mut warp = if displaced { warp.with_displacements(20.0, 2.5) } else { warp };
                    warp.draw(isa, [3, 4]);
                    (moved(isa, &mut warp, map, &image), warp)
                });
                let results: Vec<_> = results.collect();
                let (first, warp) = &results[0];
                assert!(results.iter().all(|(other, _)| other == first));
                for (i, &got) in first.iter().enumerate() {
                    let (x, y) = (i % width, i / width);
                    let mut from =
                        map.map(|[a, b, c]: [f32; 3]| f64::from(a) * x as f64 + f64::from(b) * y as f64 + f64::from(c));
                    if let Some(Displacements { values, .. }) = &warp.displacements {
                        let at = y * width.next_multiple_of(LANES) + x;
                        from[0] += f64::from(values[at]);
                        from[1] += f64::from(values[values.len() / 2 + at]);
                    }
                    let [left, top] = from.map(f64::floor);
                    let [a, b] = [from[0] - left, from[1] - top];
                    let want = (1.0 - b) * ((1.0 - a) * at(left, top) + a * at(left + 1.0, top))
                        + b * ((1.0 - a) * at(left, top + 1.0) + a * at(left + 1.0, top + 1.0));
                    assert!((f64::from(got) - want).abs() < 1e-5, "{got} instead of {want} at {x}, {y}");
                }
            }
        }
    }

    #[test]
    fn displacements_are_smoothed_noise() {
        let (height, width, sigma, alpha) = (9, 21, 1.5, 36.0);
        let mut warp = Warp::new(height, width).with_displacements(alpha, sigma);
        let isa = Isa::best();
        warp.draw(isa, [1, 2]);
        let drawn = warp.displacements.clone().unwrap();
        let (stride, radius) = (32, drawn.taps.len() / 2);
        assert_eq!(radius, 5);
        // The noise that is left is the second field's.
        let noise = |x: usize, y: usize| f64::from(drawn.noise[(radius + y) * stride + x]);
        let gaussian: Vec<f64> = (-5..=5).map(|k| (-0.5 * f64::from(k * k) / (sigma * sigma)).exp()).collect();
        let sum: f64 = gaussian.iter().sum();
        let tap = |a: usize, b: usize| gaussian.get(a + 5 - b).map_or(0.0, |tap| tap / sum);
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let near = (0..height).flat_map(|v| (0..width).map(move |u| (u, v)));
            let near = near.filter(|&(u, v)| u.abs_diff(x) <= 5 && v.abs_diff(y) <= 5);
            let want = 36.0 * near.map(|(u, v)| tap(u, x) * tap(v, y) * noise(u, v)).sum::<f64>();
            let got = f64::from(drawn.values[drawn.values.len() / 2 + y * stride + x]);
            assert!((got - want).abs() < 1e-4, "{got} instead of {want}");
        }
        warp.draw(isa, [1, 3]);
        assert_ne!(warp.displacements.unwrap().values, drawn.values);
    }

    #[test]
    fn noise_has_its_mean_and_deviation_and_the_same_bits_on_every_isa() {
        let noisy = |isa| {
            let mut values = vec![0.5; 100_001];
            add_noise(isa, 0.1, [7, 8], &mut values);
            values
        };
        let values = noisy(Isa::best());
        assert!(Isa::available().into_iter().all(|isa| noisy(isa) == values));
        let mean = |f: &dyn Fn(f64) -> f64| values.iter().map(|&x| f(f64::from(x))).sum::<f64>() / values.len() as f64;
        let (first, second) = (mean(&|x| x), mean(&|x| (x - 0.5) * (x - 0.5)));
        assert!((first - 0.5).abs() < 1e-3 && (second.sqrt() - 0.1).abs() < 1e-3, "{first}, {second}");
    }
}
