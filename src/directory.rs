//! Directories: where the apps look up the store's data.
