//! What the parameters of a network are for, and how they start.

use layerloop_kernels::Panels;
use layerloop_kernels::columns::PerColumn;
use layerloop_kernels::grouped::Groups;
use layerloop_kernels::members::Members;
use layerloop_kernels::piecewise::Piecewise;

use super::custom;
use super::init::Init;
use crate::names::Custom;

/// Some parameters that lie together: (n_in + 1) x n_out, or without the bias.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parameter {
    /// Path of its layer.
    pub(crate) path: String,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) bias: bool,
    pub(crate) role: Role,
    pub(crate) start: Initial,
}

/// What parameters do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Role {
    /// They are multiplied by the inputs.
    Product,
    PerColumn(PerColumn),
    /// They are shares of an activation, one for each column.
    Parametric,
    /// They are dense layers of parts of a row, or of members, one after the other.
    Grouped(Groups),
    /// They are values of functions at the edges of the program from the `first` on.
    Piecewise {
        piecewise: Piecewise,
        first: usize,
    },
    /// They scale the columns of each member.
    Members(Members),
    /// Their columns are looked up.
    Table,
    /// Running mean and variance of a batch norm: no gradient moves them.
    Statistics,
    /// They are user-defined, side by side.
    Custom(Custom<dyn custom::Layer>),
}

/// How parameters start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Initial {
    /// The weights drawn, the biases 0.
    Drawn(Init),
    /// Every weight, and every bias.
    Constant(f32, f32),
    /// Weights 1 or -1.
    Signs,
    /// So many weights 1, the biases behind them 0.
    Ones(usize),
    /// Weights and biases uniform between minus this and this.
    Uniform(f32),
    /// Weights normal, of this deviation, biases anywhere in the circle.
    Waves(f32),
    /// As a custom layer of so many inputs says.
    Custom(Custom<dyn custom::Layer>, usize),
}

impl Parameter {
    /// `layers.1.0.weight` for what stands at 2.1: the name of a tensor.
    fn tensor(&self, what: &str) -> String {
        let counted_from_0 = |i: &str| i.parse().map_or(0, |i: usize| i - 1).to_string();
        let path: Vec<String> = self.path.split('.').map(counted_from_0).collect();
        format!("layers.{}.{what}", path.join("."))
    }

    /// The names of its two tensors.
    pub(crate) fn tensors(&self) -> [String; 2] {
        let names = if self.role == Role::Statistics { ["running_mean", "running_var"] } else { ["weight", "bias"] };
        names.map(|name| self.tensor(name))
    }

    /// n_out x n_in, or n_out
    pub(crate) fn weight_shape(&self) -> Vec<usize> {
        match self.role {
            Role::Product | Role::Table => vec![self.outputs, self.inputs],
            Role::PerColumn(_)
            | Role::Parametric
            | Role::Statistics
            | Role::Grouped(_)
            | Role::Piecewise { .. }
            | Role::Members(_)
            | Role::Custom(_) => {
                vec![self.outputs]
            }
        }
    }

    pub(crate) fn layout(&self) -> Panels {
        Panels::new(self.inputs.saturating_add(usize::from(self.bias)), self.outputs)
    }

    /// How many a gradient moves.
    pub(crate) fn count(&self) -> usize {
        let learned = if self.role == Role::Statistics { 0 } else { self.outputs };
        learned.saturating_mul(self.inputs.saturating_add(usize::from(self.bias)))
    }
}
