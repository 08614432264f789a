//! Configuration: raw shapes, then checks, then values that are valid by construction.
