//! The law of time: when a session lives, when its cookie is issued again, when it ends.
