//! The Session API through the whole proxy: every row of the contract's table.

mod answers;
mod ending;
mod order;
mod origins;
mod path_tokens;
mod reading;
mod segments;
mod strange;
mod writing;
