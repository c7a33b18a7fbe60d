use std::io::Write;

use super::plain;
use crate::cli::exit::Failure;

/// Columns as wide as their widest cell, three spaces apart, as kubectl sets them.
#[derive(Debug)]
pub(crate) struct Table {
    widths: Vec<usize>,
    rows: Vec<Vec<String>>,
}

/// A cell that is wider does not push the columns behind it further.
const WIDEST: usize = 70;

impl Table {
    pub(crate) fn new(header: &[&str]) -> Self {
        let mut table = Self { widths: vec![0; header.len()], rows: Vec::new() };
        table.push(header.iter().map(|cell| (*cell).to_owned()).collect());
        table
    }

    /// A row with as many cells as the header.
    pub(crate) fn push(&mut self, cells: Vec<String>) {
        let cells: Vec<String> = cells.iter().map(|cell| plain(cell).into_owned()).collect();
        for (width, cell) in self.widths.iter_mut().zip(&cells) {
            *width = (*width).max(cell.chars().count().min(WIDEST));
        }
        self.rows.push(cells);
    }

    /// Writes the header and the rows.
    pub(crate) fn write(&self, out: &mut dyn Write) -> Result<(), Failure> {
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&self.widths) {
                line.push_str(&format!("{cell:width$}   "));
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}
