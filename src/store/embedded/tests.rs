//! The files: damage, newer records, faults.
