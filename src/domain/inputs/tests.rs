//! What is read of cookies and queries, and what goes upstream.

mod cookies;
mod held;
mod pairs;
mod query;
mod rules;
mod upstream;
