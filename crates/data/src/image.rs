//! Grey images, brought to the size and the polarity that a network was trained on.

mod centre;

use layerloop::data::Fit;

/// A picture with less between its darkest and its lightest pixel is blank.
const LEAST_CONTRAST: f32 = 0.05;

/// A grey image: 0 is black, 1 is white.
///
/// # Shapes
/// `pixels`: height x width, row-major, at least one.
#[derive(Debug, Clone, PartialEq)]
pub struct Grey {
    /// Pixels of a column.
    pub height: usize,
    /// Pixels of a line.
    pub width: usize,
    /// All pixels.
    pub pixels: Vec<f32>,
}

impl Grey {
    /// What most of the border looks like: the median of the pixels on the edge.
    #[must_use]
    pub fn background(&self) -> f32 {
        median(self.border().collect())
    }

    /// The pixels on the edge, those in the corners twice.
    fn border(&self) -> impl Iterator<Item = f32> {
        let sides = self.pixels.chunks_exact(self.width).flat_map(|row| [row[0], row[self.width - 1]]);
        let (top, bottom) = (&self.pixels[..self.width], &self.pixels[self.pixels.len() - self.width..]);
        sides.chain(top.iter().chain(bottom).copied())
    }

    /// Whether it looks like dark ink on light paper.
    #[must_use]
    pub fn is_light(&self) -> bool {
        self.background() > 0.5
    }

    /// Black for white and white for black.
    #[must_use]
    pub fn inverted(mut self) -> Self {
        self.pixels.iter_mut().for_each(|pixel| *pixel = 1.0 - *pixel);
        self
    }

    /// Whether all pixels are nearly alike, so that nothing is shown.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        let (least, most) = self.pixels.iter().fold((1.0f32, 0.0f32), |(a, b), &v| (a.min(v), b.max(v)));
        most - least < LEAST_CONTRAST
    }

    /// The image as input of a network: brought to its size and kind. Where [`Fit::Centre`] and [`Fit::Whole`] want light strokes
    /// on dark, `invert` says whether the image is dark on light; where it is `None`, the border tells.
    ///
    /// # Shapes
    /// height x width values from 0 to 1
    #[must_use]
    pub fn to_input(&self, height: usize, width: usize, fit: Fit, invert: Option<bool>) -> Vec<f32> {
        match fit {
            Fit::Centre { share, offset } => centre::centred(self, [height, width], [share, offset], invert),
            Fit::Whole if invert.unwrap_or_else(|| self.is_light()) => self.fitted(height, width).inverted().pixels,
            Fit::Plain if invert == Some(true) => self.fitted(height, width).inverted().pixels,
            Fit::Whole | Fit::Plain => self.fitted(height, width).pixels,
        }
    }

    /// Stretched to height x width, by areas.
    pub(crate) fn resized(&self, height: usize, width: usize) -> Self {
        let columns = average(&self.pixels, self.width, width);
        Self { height, width, pixels: average(&columns, self.height, height) }
    }

    /// Scaled to fit into height x width, the proportions kept, the rest filled with the background.
    #[must_use]
    pub fn fitted(&self, height: usize, width: usize) -> Self {
        let (inner_height, inner_width) = if self.width * height > self.height * width {
            (rounded(self.height * width, self.width), width)
        } else {
            (height, rounded(self.width * height, self.height))
        };
        let inner = self.resized(inner_height, inner_width).pixels;
        let mut pixels = vec![self.background(); height * width];
        let (top, left) = ((height - inner_height) / 2, (width - inner_width) / 2);
        for (row, line) in inner.chunks_exact(inner_width).enumerate() {
            pixels[(top + row) * width + left..][..inner_width].copy_from_slice(line);
        }
        Self { height, width, pixels }
    }
}

/// The value in the middle of the sorted ones.
fn median(mut values: Vec<f32>) -> f32 {
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}

/// a / b to the nearest whole number, at least 1.
fn rounded(a: usize, b: usize) -> usize {
    ((a + b / 2) / b).max(1)
}

/// Scales every row of `width` values to `cells` by area: a cell is the mean of the range that it covers.
///
/// # Shapes
/// `values`: n x width; result: cells x n, transposed, so that a second call scales the other axis.
///
/// # Numerics
/// Pixel x is the range (x * cells .. (x + 1) * cells) and a cell is `width` long, so that all weights are whole
/// numbers; a size that does not change leaves every value as it was.
fn average(values: &[f32], width: usize, cells: usize) -> Vec<f32> {
    let mut averages = Vec::with_capacity(values.len() / width * cells);
    for cell in 0..cells {
        let (start, end) = (cell * width, (cell + 1) * width);
        let covered = start / cells..end.div_ceil(cells);
        for row in values.chunks_exact(width) {
            let weighted = covered.clone().map(|x| {
                let weight = ((x + 1) * cells).min(end) - (x * cells).max(start);
                f64::from(row[x]) * weight as f64
            });
            averages.push((weighted.sum::<f64>() / width as f64) as f32);
        }
    }
    averages
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(height: usize, pixels: &[f32]) -> Grey {
        Grey { height, width: pixels.len() / height, pixels: pixels.to_vec() }
    }

    #[test]
    fn the_same_size_is_the_same_image_to_the_bit() {
        let image = grey(28, &(0..784).map(|i| (i * 37 % 256) as f32 * (1.0 / 255.0)).collect::<Vec<_>>());
        assert_eq!(image.fitted(28, 28), image);
    }

    #[test]
    fn shrinking_averages_areas_and_growing_repeats_pixels() {
        let image = grey(2, &[0.0, 1.0, 0.5, 0.25, 0.0, 0.5, 1.0, 0.75]);
        assert_eq!(image.fitted(1, 2).pixels, [0.375, 0.625]);
        assert_eq!(grey(1, &[0.25]).fitted(2, 2).pixels, [0.25; 4]);
        assert_eq!(average(&[0.0, 3.0, 6.0], 3, 2), [1.0, 5.0]);
        assert_eq!(average(&[1.0, 4.0], 2, 3), [1.0, 2.5, 4.0]);
    }

    #[test]
    fn the_mean_survives_any_change_of_size() {
        let image = grey(37, &(0..37 * 37).map(|i| (i % 101) as f32 / 100.0).collect::<Vec<_>>());
        let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
        for side in [1, 8, 28, 36, 38, 100] {
            assert!((mean(&image.fitted(side, side).pixels) - mean(&image.pixels)).abs() < 1e-5, "{side}");
        }
    }

    #[test]
    fn proportions_are_kept_and_the_rest_is_background() {
        let line = grey(1, &[0.25, 0.25, 1.0, 0.25]);
        assert_eq!(line.fitted(4, 4).pixels[..4], [0.25; 4]);
        assert_eq!(line.fitted(4, 4).pixels[4..8], line.pixels);
        assert_eq!(line.fitted(4, 4).pixels[8..], [0.25; 8]);
        let column = grey(2, &[1.0, 1.0]);
        assert_eq!(column.fitted(2, 2).pixels, [1.0; 4]);
        assert_eq!(grey(1, &vec![0.5; 1000]).fitted(8, 8).pixels, [0.5; 64]);
    }

    #[test]
    fn black_on_white_is_detected_unless_the_user_says_which() {
        let ink = grey(3, &[1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0]);
        let light = ink.clone().inverted();
        assert!(ink.is_light() && !light.is_light());
        assert_eq!(ink.to_input(3, 3, Fit::Whole, None), light.pixels);
        assert_eq!(light.to_input(3, 3, Fit::Whole, None), light.pixels);
        assert_eq!(ink.to_input(3, 3, Fit::Whole, Some(false)), ink.pixels);
        assert_eq!(light.to_input(3, 3, Fit::Plain, Some(true)), ink.pixels);
    }
}
