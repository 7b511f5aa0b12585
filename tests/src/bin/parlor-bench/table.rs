//! The one table that all rows end up in.

/// What a row found.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What was measured, with its unit.
    pub figure: String,
    /// What it is compared with.
    pub compared: String,
    /// Figure divided by what it is compared with.
    pub ratio: Option<f64>,
    /// What it should be.
    pub target: &'static str,
    /// Whether it is.
    pub met: Option<bool>,
    /// More, printed below the table.
    pub notes: Vec<String>,
}

impl Outcome {
    /// A row that could not be measured here.
    pub fn skipped(reason: impl Into<String>) -> Self {
        Self { figure: "skipped".into(), notes: vec![reason.into()], ..Self::default() }
    }

    /// A row that went wrong.
    pub fn failed(reason: String) -> Self {
        Self { figure: "failed".into(), met: Some(false), notes: vec![reason], ..Self::default() }
    }
}

/// The table.
#[derive(Debug, Default)]
pub struct Table {
    lines: Vec<(&'static str, Outcome)>,
}

impl Table {
    /// Adds a row.
    pub fn add(&mut self, row: &'static str, outcome: Outcome) {
        eprintln!("    {} {}", outcome.figure, outcome.notes.join("; "));
        self.lines.push((row, outcome));
    }

    /// Prints everything, columns aligned.
    pub fn print(&self) {
        let head = ["row", "figure", "compared with", "ratio", "target", "met", "command"].map(String::from);
        let mut cells = vec![head];
        for (row, outcome) in &self.lines {
            let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
            cells.push([
                (*row).to_owned(),
                outcome.figure.clone(),
                or_dash(&outcome.compared),
                outcome.ratio.map_or_else(|| "-".into(), |ratio| format!("{ratio:.2}")),
                or_dash(outcome.target),
                outcome.met.map_or("-", |met| if met { "yes" } else { "NO" }).to_owned(),
                format!("cargo xtask bench {row}"),
            ]);
        }
        let mut widths = [0; 7];
        for line in &cells {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = cell.chars().count().max(*width);
            }
        }
        for line in &cells {
            let padded = line.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
            println!("{}", padded.collect::<Vec<_>>().join("  ").trim_end());
        }
        for (row, outcome) in &self.lines {
            outcome.notes.iter().for_each(|note| println!("{row}: {note}"));
        }
    }
}
