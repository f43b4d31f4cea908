//! What is drawn for one image of one epoch.

use layerloop_kernels::warp::Affine;

use super::distortion::{Axis, Distortion};
use crate::rng::Stream;

/// Shares of an image that an erased box has, and the proportions of its sides.
const ERASED: [f64; 2] = [0.02, 0.33];
const PROPORTIONS: [f64; 2] = [0.3, 3.3];

/// What becomes of an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Draw {
    /// Where its pixels come from.
    pub(super) map: Affine,
    /// Name the random numbers of displacements and noise.
    pub(super) elastic: [u32; 2],
    pub(super) noise: [u32; 2],
    /// First column and row of a box that is erased, and those behind its end.
    pub(super) erased: Option<[[usize; 2]; 2]>,
    /// Another image, and the share of this one.
    pub(super) mixed: Option<(u32, f32)>,
}

impl Draw {
    /// For sample `row` of `rows` images of `height` x `width` pixels, in this epoch. All that could be drawn is drawn in one
    /// order, so that no distortion changes the others.
    pub(super) fn new(
        of: &[Distortion],
        seed: u64,
        epoch: u64,
        row: u32,
        rows: usize,
        [height, width]: [usize; 2],
    ) -> Self {
        let mut stream = Stream::new(seed, "augment", epoch << 32 | u64::from(row));
        let mut uniform = || f64::from(stream.uniform());
        let first: [f64; 13] = std::array::from_fn(|_| uniform());
        let [angle, wide, high, slant, right, down, mirror_x, mirror_y, erase, area, proportion, left, top] = first;
        let (elastic, noise, partner) = (stream.keys(), stream.keys(), stream.below(rows) as u32);
        let mut map = Map::default();
        let (mut erased, mut mixed) = (None, None);
        let around = |size: f64, uniform: f64| size * (2.0 * uniform - 1.0);
        for distortion in of {
            match *distortion {
                Distortion::Shift { pixels } => map.shift = [around(pixels, right), around(pixels, down)],
                Distortion::Rotate { degrees } => map.angle = around(degrees, angle).to_radians(),
                Distortion::Scale { share } => map.scale = [1.0 + around(share, wide), 1.0 + around(share, high)],
                Distortion::Shear { slope } => map.slope = around(slope, slant),
                Distortion::Flip { axis } => {
                    map.mirrored =
                        [axis != Axis::Vertical && mirror_x < 0.5, axis != Axis::Horizontal && mirror_y < 0.5];
                }
                Distortion::Erase { probability } if erase < probability => {
                    erased = Some(erased_box([height, width], [area, proportion, left, top]));
                }
                Distortion::Mixup { alpha } => mixed = Some((partner, beta(alpha, &mut stream) as f32)),
                Distortion::Erase { .. } | Distortion::Elastic { .. } | Distortion::Noise { .. } => {}
            }
        }
        Self { map: map.affine(height, width), elastic, noise, erased, mixed }
    }
}

/// A box, cut off at the borders of the image.
fn erased_box([height, width]: [usize; 2], [area, proportion, left, top]: [f64; 4]) -> [[usize; 2]; 2] {
    let between = |[low, high]: [f64; 2], uniform: f64| low + (high - low) * uniform;
    let area = between(ERASED, area) * (height * width) as f64;
    let proportion = libm::exp(between(PROPORTIONS.map(libm::log), proportion));
    let sides = [libm::sqrt(area / proportion), libm::sqrt(area * proportion)];
    let side = |i: usize, size: usize, at: f64| {
        let side = (sides[i].round() as usize).clamp(1, size);
        let start = (at * (size - side + 1) as f64) as usize;
        [start, start + side]
    };
    let [[left, right], [top, bottom]] = [side(0, width, left), side(1, height, top)];
    [[left, top], [right, bottom]]
}

/// A number from Beta(a, a), a at most 1: u^(1/a) / (u^(1/a) + v^(1/a)) for uniform u and v whose powers sum to at most 1.
///
/// # Source
/// Joehnk 1964.
fn beta(a: f64, stream: &mut Stream) -> f64 {
    loop {
        let [x, y] = [(); 2].map(|()| libm::pow(f64::from(stream.uniform()), 1.0 / a));
        if x + y > 0.0 && x + y <= 1.0 {
            return x / (x + y);
        }
    }
}

/// An affine map about the centre of an image.
#[derive(Debug)]
struct Map {
    angle: f64,
    slope: f64,
    scale: [f64; 2],
    shift: [f64; 2],
    mirrored: [bool; 2],
}

impl Default for Map {
    fn default() -> Self {
        Self { angle: 0.0, slope: 0.0, scale: [1.0; 2], shift: [0.0; 2], mirrored: [false; 2] }
    }
}

impl Map {
    /// A pixel p comes from c + S^-1 H R M (p - c) - shift: mirrored, turned, slanted, scaled about the centre c, then shifted.
    fn affine(&self, height: usize, width: usize) -> Affine {
        let Self { angle, slope, scale, shift, mirrored } = self;
        let (sin, cos) = (libm::sin(*angle), libm::cos(*angle));
        let turned = [[cos, -sin], [sin, cos]];
        let slanted = [[turned[0][0] + slope * turned[1][0], turned[0][1] + slope * turned[1][1]], turned[1]];
        let centre = [(width - 1) as f64 / 2.0, (height - 1) as f64 / 2.0];
        std::array::from_fn(|i| {
            let [a, b] = std::array::from_fn(|j| {
                let value = slanted[i][j] / scale[i];
                if mirrored[j] { -value } else { value }
            });
            [a, b, centre[i] - a * centre[0] - b * centre[1] - shift[i]].map(|value| value as f32)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(of: &[Distortion]) -> impl Iterator<Item = Draw> {
        (0..20_000).map(move |row| Draw::new(of, 1, 1, row, 500, [28, 20]))
    }

    /// Where the centre and the pixel right of it come from.
    fn of_map(map: &dyn Fn(f32, f32) -> [f32; 2]) -> [[f32; 2]; 2] {
        [map(9.5, 13.5), map(10.5, 13.5)]
    }

    fn applied(map: Affine) -> [[f32; 2]; 2] {
        of_map(&|x, y| map.map(|[a, b, c]| a * x + b * y + c))
    }

    #[test]
    fn maps_are_within_what_was_asked_for_and_reach_it() {
        let least_and_most = |of: &[Distortion], value: &dyn Fn([[f32; 2]; 2]) -> f32| {
            let values = draws(of).map(|draw| value(applied(draw.map)));
            values.fold([f32::MAX, f32::MIN], |[least, most], value| [least.min(value), most.max(value)])
        };
        let close = |got: [f32; 2], want: [f32; 2], by: f32| {
            assert!(got.iter().zip(want).all(|(got, want)| (got - want).abs() < by), "{got:?} instead of {want:?}");
        };
        let shift = [Distortion::Shift { pixels: 2.0 }];
        close(least_and_most(&shift, &|[centre, _]| centre[0] - 9.5), [-2.0, 2.0], 1e-3);
        close(least_and_most(&shift, &|[centre, _]| centre[1] - 13.5), [-2.0, 2.0], 1e-3);
        let rotate = [Distortion::Rotate { degrees: 30.0 }];
        let angle = |[centre, right]: [[f32; 2]; 2]| {
            let [x, y] = [right[0] - centre[0], right[1] - centre[1]];
            y.atan2(x).to_degrees()
        };
        close(least_and_most(&rotate, &angle), [-30.0, 30.0], 0.02);
        close(least_and_most(&rotate, &|[centre, _]| centre[0]), [9.5, 9.5], 1e-5);
        let scale = [Distortion::Scale { share: 0.25 }];
        close(least_and_most(&scale, &|[centre, right]| 1.0 / (right[0] - centre[0])), [0.75, 1.25], 1e-3);
        let mirrored =
            draws(&[Distortion::Flip { axis: Axis::Horizontal }]).filter(|draw| draw.map[0][0] < 0.0).count();
        assert!((9_700..10_300).contains(&mirrored), "{mirrored} of 20,000");
        assert!(draws(&[Distortion::Flip { axis: Axis::Horizontal }]).all(|draw| draw.map[1] == [0.0, 1.0, 0.0]));
    }

    #[test]
    fn boxes_lie_in_the_image_and_have_their_share_of_it() {
        let of = [Distortion::Erase { probability: 0.25 }];
        let boxes: Vec<_> = draws(&of).filter_map(|draw| draw.erased).collect();
        assert!((4_700..5_300).contains(&boxes.len()), "{}", boxes.len());
        for [[left, top], [right, bottom]] in boxes {
            assert!(left < right && right <= 20 && top < bottom && bottom <= 28);
            let share = ((right - left) * (bottom - top)) as f64 / 560.0;
            assert!((0.01..=0.37).contains(&share), "{share}");
        }
    }

    #[test]
    fn mixtures_have_the_beta_distribution() {
        for alpha in [0.1, 0.2, 1.0] {
            let shares: Vec<f64> =
                draws(&[Distortion::Mixup { alpha }]).filter_map(|draw| Some(f64::from(draw.mixed?.1))).collect();
            let mean = shares.iter().sum::<f64>() / shares.len() as f64;
            let variance = shares.iter().map(|share| (share - mean).powi(2)).sum::<f64>() / shares.len() as f64;
            let want = 1.0 / (4.0 * (2.0 * alpha + 1.0));
            assert!((mean - 0.5).abs() < 0.01 && (variance - want).abs() < 0.005, "{alpha}: {mean}, {variance}");
        }
    }

    #[test]
    fn a_distortion_does_not_change_what_is_drawn_for_others() {
        let shift = Distortion::Shift { pixels: 3.0 };
        let with = [shift, Distortion::Noise { deviation: 0.1 }, Distortion::Erase { probability: 1.0 }];
        let maps = |of: &[Distortion]| draws(of).map(|draw| draw.map).collect::<Vec<_>>();
        assert_eq!(maps(&[shift]), maps(&with));
    }
}
