//! The segment: the shareable part of a session (contract §8).
