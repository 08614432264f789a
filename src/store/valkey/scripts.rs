//! The scripts: each decides a write on the server, in one round trip.

use std::sync::LazyLock;

use redis::{Cmd, Script, cmd};

/// A script, and the name by which the server knows it once it has seen it.
#[derive(Debug)]
pub(super) struct Write {
    code: &'static str,
    hash: String,
}

macro_rules! writes {
    ($($(#[$doc:meta])* $name:ident = $file:literal;)+) => {
        $(
            $(#[$doc])*
            pub(super) static $name: LazyLock<Write> = LazyLock::new(|| {
                Write::new(include_str!($file))
            });
        )+
    };
}

writes! {
    /// A changed session, where its version is the one that was changed.
    SAVE = "save.lua";
    /// The cookie that was issued last.
    ISSUE = "issue.lua";
    /// A marker or a tombstone in a session's place.
    REPLACE = "replace.lua";
    /// A session's last use.
    TOUCH = "touch.lua";
    /// The end of a login.
    CLOSE_LOGIN = "close_login.lua";
    /// A login's last use.
    TOUCH_LOGIN = "touch_login.lua";
    /// Who acts in a session.
    PERSON = "person.lua";
    /// A damaged record out of the way.
    ASIDE = "aside.lua";
}

impl Write {
    fn new(code: &'static str) -> Self {
        let hash = Script::new(code).get_hash().to_owned();
        Self { code, hash }
    }

    /// The command that has it run by name.
    pub(super) fn by_name(&self, keys: &[String], arguments: &[&[u8]]) -> Cmd {
        call("EVALSHA", &self.hash, keys, arguments)
    }

    /// The command that tells it as well: for a server that does not know it.
    pub(super) fn whole(&self, keys: &[String], arguments: &[&[u8]]) -> Cmd {
        call("EVAL", self.code, keys, arguments)
    }
}

fn call(how: &str, script: &str, keys: &[String], arguments: &[&[u8]]) -> Cmd {
    let mut command = cmd(how);
    command.arg(script).arg(keys.len()).arg(keys);
    for argument in arguments {
        command.arg(*argument);
    }
    command
}
