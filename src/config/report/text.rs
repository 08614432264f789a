//! A report as text for people.

use std::fmt;

use super::{Excerpt, Finding, Location, Report, Severity};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        let errors = self.count(Severity::Error);
        let warnings = self.count(Severity::Warning);
        writeln!(
            f,
            "{}, {}",
            counted(errors, "error"),
            counted(warnings, "warning")
        )
    }
}

fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.severity, self.message)?;
        let number = match &self.location {
            Location::File {
                position: Some((line, _)),
                ..
            } => line.to_string(),
            _ => String::new(),
        };
        let margin = " ".repeat(number.len());
        writeln!(f, "{margin}--> {}", self.location)?;
        if let Some(excerpt) = &self.excerpt {
            excerpt.write(f, &number)?;
        }
        let notes = [
            ("found", &self.found),
            ("allowed", &self.allowed),
            ("hint", &self.hint),
        ];
        for (label, note) in notes {
            if let Some(note) = note {
                writeln!(f, "{margin} = {label}: {note}")?;
            }
        }
        Ok(())
    }
}

impl Excerpt {
    fn write(&self, f: &mut fmt::Formatter<'_>, number: &str) -> fmt::Result {
        let margin = " ".repeat(number.len());
        let (before, width) = self.marked;
        writeln!(f, "{margin} |")?;
        writeln!(f, "{number} | {}", self.line)?;
        writeln!(
            f,
            "{margin} | {}{}",
            " ".repeat(before),
            "^".repeat(width.max(1))
        )
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, position } => {
                write!(f, "{}", path.display())?;
                position.map_or(Ok(()), |(line, column)| write!(f, ":{line}:{column}"))
            }
            Self::Variable { name } => write!(f, "environment variable {name}"),
        }
    }
}
