//! What can be done to an image.

use std::fmt;
use std::str::FromStr;

use layerloop_kernels::named_enum;

named_enum! {
    /// A random change of an image. U(a, b) is a uniform random number between a and b, drawn for each image and epoch.
    ///
    /// # Units
    /// Pixels; degrees; shares of 1.
    pub enum Distortion: "distortion" {
        /// moved by U(-pixels, pixels) to the side, and by another such number down
        Shift = "shift" | "translate" {
            /// The largest shift, in pixels.
            pixels: f64 = 2.0, "from 0 to 1000" if (0.0..=1000.0).contains(&pixels),
        },
        /// turned about its centre by U(-degrees, degrees)
        Rotate = "rotate" | "rotation" {
            /// The largest angle, in degrees.
            degrees: f64 = 12.0, "from 0 to 180" if (0.0..=180.0).contains(&degrees),
        },
        /// width times U(1 - share, 1 + share), height times another such number
        ///
        /// Source: Ciresan et al. 2010.
        Scale = "scale" | "zoom" {
            /// The largest change of each side, as a share of it.
            share: f64 = 0.15, "at least 0 and below 1" if (0.0..1.0).contains(&share),
        },
        /// slanted: a pixel moves to the side by U(-slope, slope) times its height above the centre
        Shear = "shear" | "slant" {
            /// The largest slope.
            slope: f64 = 0.15, "from 0 to 2" if (0.0..=2.0).contains(&slope),
        },
        /// each pixel is moved by a smooth random field: alpha times a Gaussian of deviation sigma over U(-1, 1) of each pixel
        ///
        /// Source: Simard et al. 2003.
        Elastic = "elastic" {
            /// The factor of the smoothed noise, in pixels; the deviation of the field is alpha / (6.1 sigma).
            alpha: f64 = 36.0, "from 0 to 10000" if (0.0..=10000.0).contains(&alpha),
            /// The standard deviation of the Gaussian, in pixels.
            sigma: f64 = 5.0, "above 0 and at most 100" if sigma > 0.0 && sigma <= 100.0,
        },
        /// mirrored with probability 1/2
        Flip = "flip" | "mirror" {
            /// What changes places: horizontal (left and right), vertical (top and bottom), or both, each by itself.
            axis: Axis = Axis::Horizontal, "horizontal, vertical or both" if matches!(axis, _),
        },
        /// each pixel plus noise of mean 0, the sum of twelve uniform numbers
        Noise = "noise" {
            /// The standard deviation, as a share of the largest value of a pixel.
            deviation: f64 = 0.05, "from 0 to 1" if (0.0..=1.0).contains(&deviation),
        },
        /// with this probability a box of 2 to 33 % of the image becomes 0, its sides in proportions of 0.3 to 3.3
        ///
        /// Source: Zhong et al. 2017.
        Erase = "erase" | "cutout" {
            /// How probable it is.
            probability: f64 = 0.1, "from 0 to 1" if (0.0..=1.0).contains(&probability),
        },
        /// l x + (1 - l) x' with another image x' of the training, and the same mixture of the targets; l from Beta(alpha, alpha)
        ///
        /// Source: Zhang et al. 2017.
        Mixup = "mixup" {
            /// Both numbers of the beta distribution: near 0 an image is hardly mixed, at 1 every mixture is as probable.
            alpha: f64 = 0.2, "above 0 and at most 1" if alpha > 0.0 && alpha <= 1.0,
        },
    }
}

/// What changes places in a mirrored image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// Left and right.
    Horizontal,
    /// Top and bottom.
    Vertical,
    /// Left and right, and, drawn by itself, top and bottom.
    Both,
}

impl Axis {
    const NAMES: [(&str, Self); 3] =
        [("horizontal", Self::Horizontal), ("vertical", Self::Vertical), ("both", Self::Both)];
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(_, axis)| axis == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

impl FromStr for Axis {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let named = Self::NAMES.iter().find(|(name, _)| crate::names::is_same(name, text));
        named.map(|(_, axis)| *axis).ok_or(())
    }
}
