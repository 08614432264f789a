//! The transform cycle: apps watch fields, are called when one changes, and write others.

pub mod app;
pub mod condition;
pub mod cycle;
pub mod graph;
pub mod protocol;
pub mod record;

pub use app::{Answer, AppSpec, Call, Failure, Note, Refusal};
pub use condition::Condition;
pub use cycle::{Cycle, CycleError, Outcome, SharedStart, Start};
pub use graph::{Graph, GraphError, GraphSettings, OnLoop};
pub use record::{CallRecord, CallResult, LoopRecord, RoundRecord, Rounds, Timing};
