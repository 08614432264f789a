//! Sessions kept alive from the browser (contract §12): what the server takes of it, and the script in
//! a real browser.

mod answers;
mod scenarios;
mod script;
mod sent;
mod stage;
