//! The `when` of an app: a CEL expression over the session.
//!
//! Each namespace is a variable (`profile.isAuthenticated == "true"`); namespaces whose names are
//! no CEL identifiers are reached as `session["storefront-permissions"].hash`.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use cel::common::ast::{Expr, LiteralValue, operators};
use cel::{Context, IdedExpr, Program, Value as CelValue};
use thiserror::Error;

use crate::domain::session::{Body, Field};

/// The variable under which every namespace can be indexed.
const SESSION: &str = "session";

/// A compiled condition and what it reads.
#[derive(Clone)]
pub struct Condition {
    source: Arc<str>,
    program: Arc<Program>,
    reads: Reads,
}

/// The expression does not parse, with the parser's own words.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("not a CEL expression: {0}")]
pub struct ConditionError(String);

#[derive(Clone, Debug, Default)]
struct Reads {
    fields: BTreeSet<String>,
    namespaces: BTreeSet<String>,
    everything: bool,
}

impl Condition {
    /// Compiles an expression.
    pub fn compile(source: &str) -> Result<Self, ConditionError> {
        let program =
            Program::compile(source).map_err(|error| ConditionError(error.to_string()))?;
        let mut reads = Reads::default();
        reads.visit(program.expression());
        Ok(Self {
            source: source.into(),
            program: Arc::new(program),
            reads,
        })
    }

    /// Whether a change of this field can change the outcome.
    pub fn reads(&self, field: &Field) -> bool {
        self.reads.everything
            || self.reads.fields.contains(field.as_str())
            || self.reads.namespaces.contains(field.namespace())
    }

    /// Whether it holds. What cannot be computed (a missing key, a type that does not fit) does
    /// not hold: an app is never called on a guess.
    pub fn holds(&self, body: &Body) -> bool {
        let mut namespaces: HashMap<String, HashMap<String, CelValue>> = HashMap::new();
        for (field, slot) in body.iter() {
            if !self.reads(field) {
                continue;
            }
            let Ok(value) = cel::to_value(slot.value()) else {
                continue;
            };
            let namespace = namespaces.entry(field.namespace().to_owned()).or_default();
            namespace.insert(field.key().to_owned(), value);
        }
        // A namespace that is named but empty is an empty map, so that `has()` answers.
        for name in self.program.references().variables() {
            if name != SESSION {
                namespaces.entry(name.to_owned()).or_default();
            }
        }
        let mut context = Context::default();
        context.add_variable_from_value(SESSION, namespaces.clone());
        for (name, keys) in namespaces {
            context.add_variable_from_value(name, keys);
        }
        matches!(self.program.execute(&context), Ok(CelValue::Bool(true)))
    }

    /// The expression as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Condition({})", self.source)
    }
}

impl Reads {
    /// Collects `ns.key` and `ns["key"]`; any other use of a name counts for its whole namespace.
    fn visit(&mut self, expr: &IdedExpr) {
        match &expr.expr {
            Expr::Select(select) => match &select.operand.expr {
                Expr::Ident(namespace) => self.key(namespace, &select.field),
                _ => self.visit(&select.operand),
            },
            Expr::Call(call) => {
                if let [base, index] = call.args.as_slice()
                    && call.func_name == operators::INDEX
                    && let Expr::Ident(namespace) = &base.expr
                    && let Expr::Literal(LiteralValue::String(key)) = &index.expr
                {
                    self.key(namespace, key.inner());
                    return;
                }
                call.target.iter().for_each(|target| self.visit(target));
                call.args.iter().for_each(|arg| self.visit(arg));
            }
            Expr::Ident(name) => self.whole(name),
            Expr::List(list) => list.elements.iter().for_each(|element| self.visit(element)),
            Expr::Literal(_) | Expr::Unspecified => {}
            // Macros, maps and structs bind names of their own: too much is safe, too little not.
            Expr::Comprehension(_) | Expr::Map(_) | Expr::Struct(_) => self.everything = true,
        }
    }

    fn key(&mut self, namespace: &str, key: &str) {
        if namespace == SESSION {
            self.namespaces.insert(key.to_owned());
        } else {
            self.fields.insert(format!("{namespace}.{key}"));
        }
    }

    fn whole(&mut self, name: &str) {
        if name == SESSION {
            self.everything = true;
        } else {
            self.namespaces.insert(name.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::session::field::known;
    use serde_json::json;

    fn body() -> Body {
        [
            (known("profile.isAuthenticated"), json!("true")),
            (known("public.total"), json!(120)),
            (known("storefront-permissions.hash"), json!("h")),
        ]
        .into_iter()
        .collect()
    }

    #[test]
    fn holds_only_when_the_expression_is_true() {
        for (source, expected) in [
            (r#"profile.isAuthenticated == "true""#, true),
            (r#"profile.isAuthenticated == "false""#, false),
            ("public.total > 100", true),
            ("has(public.sc)", false),
            (r#"public.sc == "2""#, false),
            (r#"session["storefront-permissions"].hash == "h""#, true),
            (r#"checkout["regionId"] == "v2""#, false),
            (r#""not a boolean""#, false),
            ("public.total + \"x\" == 1", false),
        ] {
            assert_eq!(
                Condition::compile(source).unwrap().holds(&body()),
                expected,
                "{source}"
            );
        }
    }

    #[test]
    fn knows_the_keys_that_it_reads() {
        let condition =
            Condition::compile(r#"has(public.sc) && profile["email"] != "" || size(rnb) > 0"#)
                .unwrap();
        for (field, read) in [
            ("public.sc", true),
            ("public.other", false),
            ("profile.email", true),
            ("profile.id", false),
            ("rnb.campaigns", true),
        ] {
            assert_eq!(condition.reads(&known(field)), read, "{field}");
        }
        let whole = Condition::compile(r#"session["store"].channel == "1""#).unwrap();
        assert!(whole.reads(&known("store.channel")));
        assert!(!whole.reads(&known("public.sc")));
    }

    #[test]
    fn nonsense_is_an_error_and_no_panic() {
        for source in ["", "profile.", "a ==", "))", "\u{0}"] {
            assert!(Condition::compile(source).is_err(), "{source:?}");
        }
    }
}
