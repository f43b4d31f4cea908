//! How a picture of any frame becomes the input of a network.

use layerloop_kernels::{NamedEnum as _, named_enum};

named_enum! {
    /// How a picture becomes an image of the size and the kind that a network was trained on.
    pub enum Fit: "fit" {
        /// the strokes alone, in a box in the middle of the image, light on dark
        ///
        /// What differs from the border is ink; its bounding box is cut out, scaled to `share` of the side, stretched to full
        /// contrast, and put so that its centre of mass is `offset` from the middle. Source: LeCun et al. 1998, for MNIST.
        Centre = "centre" | "center" {
            /// The larger side of the box, as a share of the side of the image; MNIST's is 20 of 28 pixels.
            share: f32 = 20.0 / 28.0, "above 0 and at most 1" if share > 0.0 && share <= 1.0,
            /// Pixels from side / 2 right and down to where the centre of mass goes; MNIST's is the middle of pixel 14 of 28.
            offset: f32 = 0.5, "from -1 to 1" if (-1.0..=1.0).contains(&offset),
        },
        /// the whole picture in its proportions, light on dark: turned if its border is light
        Whole = "whole",
        /// the whole picture in its proportions, as it is
        Plain = "plain",
    }
}

impl Fit {
    /// With the numbers of `other`, where that is the same choice and this one has its default numbers: `centre` alone, as it is
    /// typed, is the `centre` of the model.
    ///
    /// # Example
    /// ```
    /// use layerloop::names::parse;
    /// use layerloop::data::Fit;
    /// let digits: Fit = parse("centre(share=1, offset=0)")?;
    /// assert_eq!(parse::<Fit>("centre")?.numbers_of(digits), digits);
    /// assert_eq!(parse::<Fit>("whole")?.numbers_of(digits), Fit::Whole);
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    #[must_use]
    pub fn numbers_of(self, other: Self) -> Self {
        if Self::ALL.contains(&self) && self.is(other) { other } else { self }
    }
}
