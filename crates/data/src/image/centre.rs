//! The strokes of a picture, framed as MNIST frames them.
//!
//! 1. Polarity: b is the median of the border; the ink is lighter than b where sum (v - b) |v - b| > 0, else darker.
//! 2. Contrast: d = max(0, v - b), or max(0, b - v).
//! 3. Noise: d is 0 where it is at most 5 times the median of |v - b| on the border, and at specks: pixels with fewer than two
//!    neighbours of ink, or with none where the border has no noise. Then d is divided by its largest value.
//! 4. Frame: the bounding box of d > 1/8.
//! 5. Size: the box is scaled so that its larger side is the given share of the side; d is divided by its largest value again,
//!    so that a thin stroke is as strong as a thick one.
//! 6. Place: the centre of mass of d goes to side / 2 + offset, as near as whole pixels come and as the box stays inside.
//!
//! Source: LeCun et al. 1998, for 3 to 5; their box has 20 of 28 pixels.

use super::{Grey, median};

/// What is less than this of the strongest ink does not count for the frame: noise, and what JPEG leaves around a stroke.
const FAINT: f32 = 0.125;

/// Noise, in medians of its size on the border: 3.4 standard deviations of a normal distribution.
const NOISE: f32 = 5.0;

/// The strokes of `grey`, light on dark, in an image of `size`: height and width.
///
/// # Shapes
/// height x width values from 0 to 1; all 0 if the picture is blank
pub(super) fn centred(grey: &Grey, size: [usize; 2], [share, offset]: [f32; 2], invert: Option<bool>) -> Vec<f32> {
    let mut image = vec![0.0; size[0] * size[1]];
    if grey.is_blank() {
        return image;
    }
    let ink = ink(grey, invert);
    let Some(frame) = Frame::of(&ink) else { return image };
    let scaled = frame.scaled(&ink, size.map(|side| side as f32 * share));
    let middle = centre_of_mass(&scaled);
    let at: [usize; 2] = std::array::from_fn(|axis| {
        let (side, length) = (size[axis], [scaled.height, scaled.width][axis]);
        let wanted = (side as f32 / 2.0 + offset - middle[axis]).round();
        wanted.clamp(0.0, side.saturating_sub(length) as f32) as usize
    });
    for (row, line) in scaled.pixels.chunks_exact(scaled.width).enumerate().take(size[0]) {
        let width = line.len().min(size[1]);
        image[(at[0] + row) * size[1] + at[1]..][..width].copy_from_slice(&line[..width]);
    }
    image
}

/// How far each pixel is from the paper, on the side of the ink; 1 where it is farthest.
fn ink(grey: &Grey, invert: Option<bool>) -> Grey {
    let paper = grey.background();
    let noise = NOISE * median(grey.border().map(|v| (v - paper).abs()).collect());
    // Squared, so that the noise of a large sheet does not outweigh a small stroke.
    let moment = |v: &f32| f64::from(v - paper) * f64::from((v - paper).abs());
    let is_dark = invert.unwrap_or_else(|| grey.pixels.iter().map(moment).sum::<f64>() < 0.0);
    let away = |v: &f32| if is_dark { paper - v } else { v - paper };
    let pixels = grey.pixels.iter().map(away).map(|d| if d > noise { d } else { 0.0 }).collect();
    let ink = Grey { pixels, ..*grey };
    let without = without_specks(&ink, if noise > 0.0 { 2 } else { 1 });
    stretched(if without.pixels.iter().any(|d| *d > 0.0) { without } else { ink })
}

/// Without the ink that has fewer than `least` pixels of ink among its eight neighbours.
fn without_specks(ink: &Grey, least: usize) -> Grey {
    let near = |i: usize, length: usize| i.saturating_sub(1)..(i + 2).min(length);
    let is_speck = |i: usize| {
        let (rows, columns) = (near(i / ink.width, ink.height), near(i % ink.width, ink.width));
        let around = rows.flat_map(|y| &ink.pixels[y * ink.width..][columns.clone()]);
        around.filter(|d| **d > 0.0).count() <= least // it is around itself
    };
    let pixels = ink.pixels.iter().enumerate().map(|(i, d)| if *d > 0.0 && is_speck(i) { 0.0 } else { *d });
    Grey { pixels: pixels.collect(), ..*ink }
}

/// Divided by the largest value.
fn stretched(mut ink: Grey) -> Grey {
    let most = ink.pixels.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    ink.pixels.iter_mut().for_each(|d| *d /= most);
    ink
}

/// The rows and columns that have ink.
struct Frame {
    top: usize,
    bottom: usize,
    left: usize,
    right: usize,
}

impl Frame {
    fn of(ink: &Grey) -> Option<Self> {
        let has_ink = |v: &f32| *v > FAINT;
        let rows = (0..).zip(ink.pixels.chunks_exact(ink.width));
        let rows: Vec<usize> = rows.filter(|(_, row)| row.iter().any(has_ink)).map(|(y, _)| y).collect();
        let column = |x: &usize| ink.pixels[*x..].iter().step_by(ink.width).any(has_ink);
        let columns: Vec<usize> = (0..ink.width).filter(column).collect();
        Some(Self {
            top: *rows.first()?,
            bottom: rows.last()? + 1,
            left: *columns.first()?,
            right: columns.last()? + 1,
        })
    }

    /// The framed ink in its proportions, its larger side as long as the box.
    fn scaled(&self, ink: &Grey, [box_height, box_width]: [f32; 2]) -> Grey {
        let (height, width) = (self.bottom - self.top, self.right - self.left);
        let rows = self.top..self.bottom;
        let pixels = rows.flat_map(|y| &ink.pixels[y * ink.width + self.left..y * ink.width + self.right]);
        let cut = Grey { height, width, pixels: pixels.copied().collect() };
        let factor = (box_height / height as f32).min(box_width / width as f32);
        let length = |pixels: usize| ((pixels as f32 * factor).round() as usize).max(1);
        stretched(cut.resized(length(height), length(width)))
    }
}

/// Row and column around which the ink is balanced, in pixels from the corner.
fn centre_of_mass(ink: &Grey) -> [f32; 2] {
    let (mut mass, mut moments) = (0.0, [0.0; 2]);
    for (i, &v) in ink.pixels.iter().enumerate() {
        mass += v;
        moments[0] += v * ((i / ink.width) as f32 + 0.5);
        moments[1] += v * ((i % ink.width) as f32 + 0.5);
    }
    moments.map(|moment| moment / mass.max(f32::MIN_POSITIVE))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bar of ink with `value` on paper, `height` x `width` at a place of a canvas.
    fn bar(canvas: usize, [top, left, height, width]: [usize; 4], [paper, value]: [f32; 2]) -> Grey {
        let has_ink =
            |i: &usize| (top..top + height).contains(&(i / canvas)) && (left..left + width).contains(&(i % canvas));
        let pixels = (0..canvas * canvas).map(|i| if has_ink(&i) { value } else { paper }).collect();
        Grey { height: canvas, width: canvas, pixels }
    }

    #[test]
    fn strokes_fill_the_box_in_the_middle_wherever_and_however_they_are_drawn() {
        let expected = centred(&bar(28, [4, 10, 20, 8], [0.0, 1.0]), [28, 28], [20.0 / 28.0, 0.0], None);
        assert_eq!(expected.iter().sum::<f32>(), 160.0);
        assert_eq!(expected, bar(28, [4, 10, 20, 8], [0.0, 1.0]).pixels);
        for (place, colours) in [
            ([3, 90, 20, 8], [1.0, 0.0]),
            ([60, 1, 20, 8], [0.9, 0.2]),
            ([20, 20, 40, 16], [0.5, 0.6]),
            ([50, 9, 60, 24], [0.1, 0.7]),
        ] {
            let seen = centred(&bar(120, place, colours), [28, 28], [20.0 / 28.0, 0.0], None);
            let off = seen.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off < 1e-5, "{place:?} {colours:?}: {off}");
        }
    }

    #[test]
    fn the_centre_of_mass_is_in_the_middle_as_far_as_the_box_stays_inside() {
        let mut hook = bar(20, [2, 2, 16, 4], [0.0, 1.0]);
        hook.pixels[17 * 20 + 6..17 * 20 + 14].fill(1.0);
        let image = centred(&hook, [28, 28], [20.0 / 28.0, 0.0], None);
        let [y, x] = centre_of_mass(&Grey { height: 28, width: 28, pixels: image });
        assert!((y - 14.0).abs() <= 0.5 && (x - 14.0).abs() <= 0.5, "{y} {x}");
        // A box as large as the image cannot move.
        let full = bar(8, [0, 0, 8, 2], [0.0, 1.0]);
        let image = centred(&full, [8, 8], [1.0, 0.0], None);
        assert!(image.chunks_exact(8).all(|row| row.iter().sum::<f32>() == 2.0), "{image:?}");
    }

    #[test]
    fn a_blank_picture_gives_nothing_and_the_polarity_can_be_given() {
        for paper in [0.0, 0.5, 1.0] {
            let blank = bar(9, [2, 2, 3, 3], [paper, paper]);
            assert!(blank.is_blank());
            assert!(centred(&blank, [5, 5], [0.8, 0.0], None).iter().all(|v| *v == 0.0));
        }
        let light = bar(20, [5, 5, 10, 4], [0.0, 1.0]);
        assert!(!light.is_blank());
        assert_eq!(centred(&light, [10, 10], [0.8, 0.0], None), centred(&light, [10, 10], [0.8, 0.0], Some(false)));
        // Darker than black paper is nothing.
        assert!(centred(&light, [10, 10], [0.8, 0.0], Some(true)).iter().all(|v| *v == 0.0));
        let dark = light.clone().inverted();
        assert_eq!(centred(&dark, [10, 10], [0.8, 0.0], Some(true)), centred(&light, [10, 10], [0.8, 0.0], None));
        assert_eq!(centred(&bar(1, [0, 0, 1, 1], [0.0, 1.0]), [3, 3], [0.7, 0.0], None), [0.0; 9]);
    }

    /// Of digits in faint grey with 3 % of noise, 12 in 200 were right: every sheet was ink from edge to edge.
    #[test]
    fn noise_specks_and_thin_strokes_make_no_difference() {
        let clean = bar(120, [30, 60, 40, 16], [0.5, 0.65]);
        let expected = centred(&clean, [28, 28], [20.0 / 28.0, 0.0], None);
        let mut stream = layerloop::rng::Stream::new(0, "noise", 0);
        let mut drawn = || (0..4).map(|_| stream.below(1001) as f32 / 1000.0 - 0.5).sum::<f32>() * 0.03;
        let pixels = clean.pixels.iter().map(|v| v + drawn()).collect();
        let seen = centred(&Grey { pixels, ..clean.clone() }, [28, 28], [20.0 / 28.0, 0.0], None);
        let off = seen.iter().zip(&expected).map(|(a, b)| (a - b).abs()).sum::<f32>() / 160.0;
        assert!(off < 0.25, "{off}");
        assert!(seen.iter().zip(&expected).all(|(a, b)| (*a > 0.0) == (*b > 0.0)), "ink is where it was");
        let mut speckled = clean.clone();
        [5, 115 * 120 + 7].into_iter().for_each(|at| speckled.pixels[at] = 1.0);
        assert_eq!(centred(&speckled, [28, 28], [20.0 / 28.0, 0.0], None), expected);
        // A thin line is as strong as a thick one.
        let thin = centred(&bar(120, [10, 60, 100, 1], [1.0, 0.0]), [28, 28], [20.0 / 28.0, 0.0], None);
        assert_eq!(thin.iter().filter(|v| **v == 1.0).count(), 20);
        // One pixel is a speck, but nothing else is there.
        let point = centred(&bar(9, [4, 4, 1, 1], [1.0, 0.0]), [28, 28], [20.0 / 28.0, 0.0], None);
        assert_eq!(point.iter().sum::<f32>(), 400.0);
    }

    #[test]
    fn mnists_middle_is_a_pixel() {
        let dot = centred(&bar(9, [2, 3, 3, 3], [0.0, 1.0]), [28, 28], [3.0 / 28.0, 0.5], None);
        let rows: Vec<usize> = (0..28).filter(|row| dot[row * 28..][..28].contains(&1.0)).collect();
        assert_eq!(rows, [13, 14, 15]);
    }
}
