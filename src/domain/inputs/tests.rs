//! What is read of cookies and queries, and what goes upstream.

mod cookies;
mod query;
mod rules;
mod upstream;
