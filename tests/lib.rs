//! Everything that is tested from outside, in one binary: one link step.

mod golden_review;
