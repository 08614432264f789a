//! What an operator sees: metrics, and the dashboard and alerts over them.

mod dashboards;
mod exposed;
mod health;
mod metrics;
mod secrets;
mod traces;
