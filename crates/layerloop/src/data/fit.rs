//! How a picture of any frame becomes the input of a network.

use layerloop_kernels::choices;

choices! {
    /// How a picture becomes an image of the size and the kind that a network was trained on.
    pub enum Fit: "fit" {
        /// the strokes alone, in a box in the middle of the image, light on dark
        ///
        /// What differs from the border is ink; its bounding box is cut out, scaled to `share` of the side, stretched to full
        /// contrast, and put so that its centre of mass is the middle. Source: LeCun et al. 1998, for MNIST.
        Centre = "centre" | "center" {
            /// The larger side of the box, as a share of the side of the image; MNIST's is 20 of 28 pixels.
            share: f32 = 0.714_285_7, "above 0 and at most 1" if share > 0.0 && share <= 1.0,
        },
        /// the whole picture in its proportions, light on dark: turned if its border is light
        Whole = "whole",
        /// the whole picture in its proportions, as it is
        Plain = "plain",
    }
}
