//! The one entrance: layers in, a checked configuration or every finding out.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use super::check::Check;
use super::effective::Effective;
use super::files::FileChecks;
use super::layers::Layers;
use super::origins::origins;
use super::problems::{Problem, Problems};
use super::raw::Root;
use super::report::{Report, Source};
use super::schema::Part;
use super::tree::{self, At, Kind, Node, PREFIX, Place};
use super::values::Config;
use super::walk::walk;

/// A configuration that can be used.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What it means.
    pub config: Config,
    /// What somebody should look at all the same.
    pub warnings: Report,
    /// What it says, defaults filled in, secrets hidden.
    pub effective: Effective,
    /// Where each of these values was written, in the same shape; what is not in it is a default.
    pub origins: Value,
    /// Every file that it came from or that it names: a change of one asks for a reload.
    pub files: Vec<PathBuf>,
    /// How many of these the texts of the configuration itself are.
    layers: usize,
}

impl Loaded {
    /// The files that the configuration names: keys, directories, apps.
    pub fn named(&self) -> &[PathBuf] {
        self.files.get(self.layers..).unwrap_or_default()
    }
}

/// Reads, lays over, checks.
pub fn load(layers: &Layers, files: &dyn FileChecks) -> Result<Loaded, Report> {
    let mut problems = Problems::new(&layers.sources);
    let mut tree = merged(layers, &mut problems);
    if !layers.unread.is_empty() {
        problems.doubt_absence();
    }
    walk(&mut tree, Part::root(), &At::default(), &mut problems);
    let root = match Root::deserialize(tree.to_json()) {
        Ok(root) => root,
        // The walk lets nothing through that the shapes do not take.
        Err(error) => {
            let problem = Problem::new(error.to_string());
            problems.structural(&tree.place, &At::default(), problem);
            return Err(report(problems, layers));
        }
    };
    let mut check = Check {
        say: problems.meaning(&tree),
        base: &layers.base,
        files,
        named: Vec::new(),
    };
    let config = check.root(&root);
    let mut watched = layers.files.clone();
    watched.append(&mut check.named);
    let report = report(problems, layers);
    match config {
        Some(config) if !report.has_errors() => Ok(Loaded {
            effective: Effective::new(&root, &config),
            origins: origins(&tree, &layers.sources),
            config,
            warnings: report,
            files: watched,
            layers: layers.files.len(),
        }),
        _ => Err(report),
    }
}

fn report(problems: Problems<'_>, layers: &Layers) -> Report {
    let mut findings = layers.unread.clone();
    findings.extend(problems.into_findings());
    Report::of(findings)
}

fn merged(layers: &Layers, problems: &mut Problems<'_>) -> Node {
    let mut tree = Node {
        kind: Kind::Table(tree::Table::new()),
        place: Place {
            source: 0,
            span: 0..0,
        },
    };
    for (index, source) in layers.sources.iter().enumerate() {
        let place = |span| Place {
            source: index,
            span,
        };
        match source {
            Source::File { text, .. } => {
                let (layer, errors) = tree::parse(text, index);
                for error in errors {
                    problems.syntax(&place(error.span), &error.message);
                }
                tree::merge("", &mut tree, layer);
            }
            Source::Variable { name, text } => {
                let key = name.strip_prefix(PREFIX).unwrap_or(name);
                if let Err(why) = tree::apply_variable(&mut tree, key, text, index) {
                    let problem = Problem::new(why);
                    problems.structural(&place(0..text.len()), &At::default(), problem);
                }
            }
        }
    }
    tree
}
