//! The headers that backends read: which names are ours, what is stripped, what is set.
