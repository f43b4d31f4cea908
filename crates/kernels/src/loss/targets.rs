//! Targets from labels.

use super::Loss;
use crate::matrix::RowsMut;
use crate::softmax::Output;

/// Rows of targets from labels y of K classes, for [`evaluate`](super::evaluate); `smoothing` is eps.
///
/// hinge:    t_k = 1 where k = y, else -1, whatever eps
/// sigmoid:  t_k = (1 - eps) onehot(y)_k + eps / 2; of two classes it is the one column k = 1
/// others:   t_k = (1 - eps) onehot(y)_k + eps / K
///
/// # Shapes
/// `labels`: B; `out`: B x [`Output::targets`] of the logits for `classes`.
///
/// # Panics
/// If the slices do not have these shapes, or a label is not below `classes`.
///
/// # Source
/// Szegedy et al. 2016, Rethinking the Inception architecture, section 7: label smoothing.
pub fn targets_of_labels(
    labels: impl ExactSizeIterator<Item = u32>,
    classes: usize,
    smoothing: f32,
    loss: Loss,
    output: Output,
    mut out: RowsMut,
) {
    assert_eq!(labels.len(), out.count(), "rows of targets");
    let columns = output.targets(output.logits(classes));
    let (yes, no) = match (loss, output) {
        (Loss::Hinge | Loss::SquaredHinge, _) => (1.0, -1.0),
        (_, Output::Sigmoid) => (1.0 - smoothing / 2.0, smoothing / 2.0),
        _ => (1.0 - smoothing + smoothing / classes as f32, smoothing / classes as f32),
    };
    for (row, label) in labels.enumerate() {
        let (targets, label) = (out.row(row, columns), label as usize);
        assert!(label < classes, "label {label} of {classes} classes");
        if let [target] = targets {
            *target = if label == 1 { yes } else { no };
        } else {
            targets.fill(no);
            targets[label] = yes;
        }
    }
}
