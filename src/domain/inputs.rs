//! What a request says: presented tokens, captured cookies, captured query parameters.
