//! An augmentation, ready for the images of a data set.

use std::sync::{Mutex, PoisonError};

use layerloop_kernels::gather::{self, Columns, Source};
use layerloop_kernels::warp::{self, Warp};
use layerloop_kernels::{Isa, Matrix, RowsMut, Team};

use super::Augmentation;
use super::distortion::Distortion;
use super::draw::Draw;
use crate::Result;
use crate::data::{Dataset, Inputs};

/// Rows of a task.
const TASK: usize = 32;

/// Changes images of one size.
#[derive(Debug)]
pub(crate) struct Augmenter {
    distortions: Vec<Distortion>,
    seed: u64,
    /// Rows of the data.
    rows: usize,
    /// Whether all images of an epoch are changed in the same way.
    alike: bool,
    size: [usize; 2],
    all_columns: Columns,
    /// Whether pixels move.
    moves: bool,
    /// The standard deviation of the noise, as the network sees it.
    noise: f32,
    /// Memory that no thread uses at the moment.
    free: Mutex<Vec<Memory>>,
}

/// What a thread works with.
#[derive(Debug)]
struct Memory {
    warp: Warp,
    /// Another image, to be mixed with.
    other: Vec<f32>,
}

/// The images of an epoch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Augmented<'a> {
    pub(crate) augmenter: &'a Augmenter,
    pub(crate) epoch: u64,
}

impl Augmenter {
    /// For the images of `data`; none where there is nothing to do.
    pub(crate) fn of(augmentation: &Augmentation, data: &Dataset, seed: u64) -> Option<Self> {
        let (height, width) = data.image().filter(|_| !augmentation.is_empty())?;
        let largest = if let Inputs::Bytes { scale, .. } = data.inputs() { 255.0 * scale } else { 1.0 };
        Some(Self { seed, rows: data.rows(), ..Self::new(augmentation, [height, width], largest) })
    }

    /// For images that are all moved in the same way; none where they are not moved.
    pub(crate) fn alike(augmentation: &Augmentation, size: [usize; 2]) -> Option<Self> {
        let moves = augmentation.map_alone();
        (!moves.is_empty()).then(|| Self { alike: true, ..Self::new(&moves, size, 1.0) })
    }

    fn new(augmentation: &Augmentation, size: [usize; 2], largest: f32) -> Self {
        let noise = augmentation.0.iter().find_map(|one| match one {
            Distortion::Noise { deviation } => Some(*deviation as f32 * largest),
            _ => None,
        });
        Self {
            distortions: augmentation.0.clone(),
            seed: 0,
            rows: 1,
            alike: false,
            size,
            all_columns: Columns::all(size[0] * size[1]),
            moves: !augmentation.map_alone().is_empty(),
            noise: noise.unwrap_or(0.0),
            free: Mutex::default(),
        }
    }

    /// Whether targets are mixed too.
    pub(crate) fn mixes(&self) -> bool {
        self.distortions.iter().any(|one| matches!(one, Distortion::Mixup { .. }))
    }

    /// The other sample that `row` is mixed with in an epoch, and the share of `row` itself.
    pub(crate) fn mixed(&self, epoch: u64, row: u32) -> Option<(u32, f32)> {
        self.draw(epoch, row).mixed
    }

    fn draw(&self, epoch: u64, row: u32) -> Draw {
        let row = if self.alike { 0 } else { row };
        Draw::new(&self.distortions, self.seed, epoch, row, self.rows, self.size)
    }

    /// Row r of `out` becomes row `rows[r]` of `source`, changed as in this epoch.
    pub(crate) fn gather(&self, isa: Isa, source: Source, epoch: u64, rows: &[u32], next: &[u32], mut out: RowsMut) {
        let mut memory =
            self.free.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_else(|| self.memory());
        gather::rows(isa, source, &self.all_columns, None, [rows, next], out.again());
        let width = self.all_columns.count();
        for (r, &row) in rows.iter().enumerate() {
            let (draw, image) = (self.draw(epoch, row), out.row(r, width));
            self.change(isa, &mut memory, &draw, image);
            if let Some((other, share)) = draw.mixed {
                let mut mixed = std::mem::take(&mut memory.other);
                let to = RowsMut { values: &mut mixed, stride: width };
                gather::rows(isa, source, &self.all_columns, None, [&[other], &[]], to);
                self.change(isa, &mut memory, &self.draw(epoch, other), &mut mixed);
                image.iter_mut().zip(&mixed).for_each(|(x, other)| *x = share * *x + (1.0 - share) * other);
                memory.other = mixed;
            }
        }
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
    }

    /// All that is done to an image before it is mixed.
    fn change(&self, isa: Isa, memory: &mut Memory, draw: &Draw, image: &mut [f32]) {
        if self.moves {
            memory.warp.draw(isa, draw.elastic);
            memory.warp.apply(isa, draw.map, image);
        }
        if self.noise > 0.0 {
            warp::add_noise(isa, self.noise, draw.noise, image);
        }
        if let Some([[left, top], [right, bottom]]) = draw.erased {
            let rows = image.chunks_exact_mut(self.size[1]).take(bottom).skip(top);
            rows.for_each(|row| row[left..right].fill(0.0));
        }
    }

    fn memory(&self) -> Memory {
        let [height, width] = self.size;
        let elastic = self.distortions.iter().find_map(|one| match one {
            Distortion::Elastic { alpha, sigma } => Some((*alpha as f32, *sigma)),
            _ => None,
        });
        let warp = Warp::new(height, width);
        let warp = match elastic {
            None => warp,
            Some((alpha, sigma)) => warp.with_displacements(alpha, sigma),
        };
        Memory { warp, other: if self.mixes() { vec![0.0; height * width] } else { Vec::new() } }
    }

    /// The first `rows` images as they are in an epoch.
    pub(crate) fn head(&self, data: &Dataset, rows: usize, epoch: u64, team: &mut Team) -> Result<Dataset> {
        let (width, isa) = (data.width(), team.isa());
        crate::memory::check("the augmented images", rows.saturating_mul(4 * width), "fewer rows")?;
        let order: Vec<u32> = (0..rows as u32).collect();
        let mut values = vec![0.0; rows * width];
        let mut none: Vec<Matrix> = Vec::new();
        team.for_each_range(&mut none, rows, TASK, [(&mut values[..], width)], |range, _, [values]| {
            let rows = RowsMut { values, stride: width };
            self.gather(isa, data.inputs().source(), epoch, &order[range], &[], rows);
        });
        data.head(rows).with_inputs(Inputs::Floats(values.into()))
    }
}
