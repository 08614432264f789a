//! The demo: a store in a box, with everything embedded.
