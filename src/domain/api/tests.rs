//! Routes, items, bodies, origins and errors as plain functions.

mod bodies;
mod errors;
mod items;
mod origins;
mod reports;
mod routes;
