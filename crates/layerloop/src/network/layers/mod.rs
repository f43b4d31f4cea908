//! What the operations do with a block of rows, forward and back: one file a family.

pub(super) mod join;
