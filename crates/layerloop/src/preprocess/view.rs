//! What a fitted preprocessing does to each column, for code that writes it in another form (ONNX, C).

use super::Preprocessing;
use super::category::Place;
use super::column::{Encoding, FittedColumn};
pub use super::date::Part;
pub use super::number::NORMAL_QUANTILE;
use super::number::{Numbers, Scale};

/// How a column becomes inputs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ColumnView {
    /// The column's name.
    pub name: String,
    /// Number of its inputs, which stand behind those of the columns before it.
    pub width: usize,
    /// What makes them of a cell.
    pub encoder: Encoder,
}

/// What makes inputs of a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Encoder {
    /// A number.
    Numbers(NumberView),
    /// A number that is compared with others: a row of a table. It follows the number itself, which it has the name of.
    Repeated {
        /// The numbers that have a row of their own, ascending.
        values: Vec<f64>,
        /// Rows of as many inputs: one for each number, one for all other ones and a missing one.
        table: Vec<f32>,
    },
    /// A name: a row of a table.
    Levels {
        /// The names that have a row of their own, in order.
        levels: Vec<String>,
        /// Rows of `width` inputs: one for each name, one for all other names, one for a missing name.
        table: Vec<f32>,
    },
    /// A moment, as seconds since 1970-01-01, whose parts are numbers.
    Dates {
        /// The earliest moment of the training rows.
        earliest: f64,
        /// The parts, in the order of their inputs.
        parts: Vec<(Part, NumberView)>,
    },
}

/// A number that becomes inputs: its scaled value, rounded to f32, and perhaps whether it is missing.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberView {
    /// What stands for a missing number.
    pub fill: f64,
    /// How it is scaled, in f64.
    pub scaling: ScalingView,
    /// Whether a second input is 1 where the number is missing, else 0.
    pub indicator: bool,
}

impl NumberView {
    fn of(Numbers { fill, scale, indicator }: &Numbers) -> Self {
        let scaling = match scale.clone() {
            Scale::Linear { centre, factor } => ScalingView::Linear { centre, factor },
            Scale::Clipped { centre, factor } => ScalingView::Clipped { centre, factor },
            Scale::Normal { quantiles } => ScalingView::Normal { quantiles },
        };
        Self { fill: *fill, scaling, indicator: *indicator }
    }

    /// Number of its inputs.
    #[must_use]
    pub fn width(&self) -> usize {
        1 + usize::from(self.indicator)
    }
}

/// A fitted scaling.
#[derive(Debug, Clone, PartialEq)]
pub enum ScalingView {
    /// (x - centre) factor
    Linear {
        /// What is taken away.
        centre: f64,
        /// What is multiplied by.
        factor: f64,
    },
    /// r / sqrt(1 + (r / 3)^2) with r = (x - centre) factor
    Clipped {
        /// What is taken away.
        centre: f64,
        /// What is multiplied by.
        factor: f64,
    },
    /// The normal quantile of the share of training rows below x, which lies between 1e-7 and 1 - 1e-7.
    Normal {
        /// Evenly spaced quantiles of the training rows.
        quantiles: Vec<f64>,
    },
}

impl ScalingView {
    /// The scaled number.
    #[must_use]
    pub fn apply(&self, x: f64) -> f64 {
        let scale = match self.clone() {
            Self::Linear { centre, factor } => Scale::Linear { centre, factor },
            Self::Clipped { centre, factor } => Scale::Clipped { centre, factor },
            Self::Normal { quantiles } => Scale::Normal { quantiles },
        };
        scale.apply(x)
    }
}

impl Preprocessing {
    /// What is done to each column that becomes inputs, in the order of these.
    ///
    /// # Example
    /// ```
    /// use layerloop::preprocess::view::Encoder;
    /// use layerloop::preprocess::{Column, Frame, PreprocessOptions, Preprocessing};
    /// let pay = Column::numbers("pay", vec![10.0, 20.0, 30.0]);
    /// let jobs = Column::categories("job", ["cook", "pilot", "cook"]);
    /// let fitted = Preprocessing::fit(&Frame::new("people", vec![jobs, pay])?, &["pay"], &PreprocessOptions::default())?;
    /// let [column] = &fitted.view()[..] else { unreachable!() };
    /// let Encoder::Levels { levels, table } = &column.encoder else { unreachable!() };
    /// assert_eq!((&levels[..], &table[..]), (&["cook".to_string(), "pilot".into()][..], &[-1.0, 1.0, 0.0, 0.0][..]));
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    #[must_use]
    pub fn view(&self) -> Vec<ColumnView> {
        let used = self.columns.iter().filter(|column| column.is_used());
        used.map(FittedColumn::view).collect()
    }
}

impl FittedColumn {
    pub(super) fn view(&self) -> ColumnView {
        let width = self.width();
        let encoder = match &self.encoding {
            Encoding::Numbers(numbers) => Encoder::Numbers(NumberView::of(numbers)),
            Encoding::Names(names) => {
                let levels = names.levels().to_vec();
                let places = (0..levels.len()).map(Place::Level).chain([Place::Unseen, Place::Missing]);
                let row = |place: Place| {
                    let mut inputs = vec![0.0; width];
                    names.apply(place, &mut inputs);
                    self.scale(&mut inputs);
                    inputs
                };
                Encoder::Levels { levels, table: places.flat_map(row).collect() }
            }
            Encoding::Repeated(repeated) => {
                let row = |x: &f64| {
                    let mut inputs = vec![0.0; width];
                    repeated.apply(*x, &mut inputs);
                    self.scale(&mut inputs);
                    inputs
                };
                let table = repeated.values.iter().chain([&f64::NAN]).flat_map(row).collect();
                Encoder::Repeated { values: repeated.values.clone(), table }
            }
            Encoding::Dates(dates) => {
                let parts = dates.parts.iter().map(|(part, numbers)| (*part, NumberView::of(numbers))).collect();
                Encoder::Dates { earliest: dates.earliest, parts }
            }
            Encoding::Unused => Encoder::Dates { earliest: 0.0, parts: Vec::new() },
        };
        ColumnView { name: self.name.clone(), width, encoder }
    }
}
