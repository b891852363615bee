//! The form of results: text, CSV, JSON or .npy, chosen by an option or by how the file's name ends.

use std::path::PathBuf;

use anyhow::Result;
use clap::error::ErrorKind;
use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::io::target::Target;
use crate::output::Text;

/// What results look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A table for reading
    Text,
    /// Comma-separated values below a line of names
    Csv,
    /// One JSON value: an object, or a list of them
    Json,
    /// A JSON value per line
    Jsonl,
    /// numpy's file format, float64
    Npy,
}

impl Format {
    /// Entry `index` of several JSON values, on a line.
    pub(crate) fn json_entry(self, index: u64, value: &Value) -> String {
        match (self, index) {
            (Format::Json, 0) => format!("[\n{value}"),
            (Format::Json, _) => format!(",\n{value}"),
            _ => format!("{value}\n"),
        }
    }

    /// What stands behind so many JSON values.
    pub(crate) fn json_end(self, count: u64) -> &'static str {
        match (self, count) {
            (Format::Json, 0) => "[]\n",
            (Format::Json, _) => "\n]\n",
            _ => "",
        }
    }
}

/// Where results go, and in what form.
#[derive(Args)]
pub(crate) struct FormArgs {
    /// Write to a file instead of stdout, in the form that its name ends in: .npy (float64), .csv, .json, .jsonl or .txt; without
    /// an ending it is .npy. The file appears when it is complete
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// The form of the results, whatever the file is called
    #[arg(long, value_enum, value_name = "FORM")]
    format: Option<Format>,
    /// Short for --format jsonl: one JSON object, with --thetas one per row on a line of its own
    #[arg(long, conflicts_with_all = ["format", "csv", "out"])]
    json: bool,
    /// Short for --format csv; with --thetas behind the row and its theta
    #[arg(long, conflicts_with_all = ["format", "out"])]
    csv: bool,
}

impl FormArgs {
    /// The form asked for, or that of the file's name.
    pub(crate) fn format(&self) -> Result<Format> {
        if let Some(format) = self.format {
            return Ok(format);
        }
        let Some(out) = &self.out else {
            return Ok(match (self.json, self.csv) {
                (true, _) => Format::Jsonl,
                (_, true) => Format::Csv,
                _ => Format::Text,
            });
        };
        let ending = out.extension().map(std::ffi::OsStr::to_ascii_lowercase);
        Ok(match ending.as_deref().map(|ending| ending.to_str()) {
            None | Some(Some("npy")) => Format::Npy,
            Some(Some("csv")) => Format::Csv,
            Some(Some("json")) => Format::Json,
            Some(Some("jsonl" | "ndjson")) => Format::Jsonl,
            Some(Some("txt")) => Format::Text,
            Some(_) => {
                let message = format!(
                    "what `{}` holds is not told by its name; end it in .npy, .csv, .json, .jsonl or .txt, or give --format\n",
                    out.display()
                );
                return Err(clap::Error::raw(ErrorKind::ValueValidation, message).into());
            }
        })
    }

    /// Opens where results go.
    pub(crate) fn open(&self) -> Result<Target> {
        Target::create(self.out.as_deref())
    }

    /// Sends a whole text where results go.
    pub(crate) fn send(&self, text: Text) -> Result<Text> {
        if self.out.is_none() {
            return Ok(text);
        }
        let mut target = self.open()?;
        target.write(text.as_bytes())?;
        target.finish()?;
        Ok(Text::new())
    }

    /// Sends a whole array where results go.
    pub(crate) fn send_npy(&self, shape: &[usize], values: &[f64]) -> Result<Text> {
        let mut target = self.open()?;
        if target.npy_header(shape)? {
            target.npy_numbers(values)?;
        }
        target.finish()?;
        Ok(Text::new())
    }
}

/// A line of CSV; what has a comma, a quote or a line end in it is quoted.
pub(crate) fn csv_line(cells: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let quoted = cells.into_iter().map(|cell| {
        let cell = cell.as_ref();
        match cell.contains([',', '"', '\n', '\r']) {
            true => format!("\"{}\"", cell.replace('"', "\"\"")),
            false => cell.to_owned(),
        }
    });
    quoted.collect::<Vec<_>>().join(",")
}

/// Numbers as cells, with all their digits.
pub(crate) fn digits<'x>(
    numbers: impl IntoIterator<Item = &'x f64>,
) -> impl Iterator<Item = String> {
    numbers.into_iter().map(|x| format!("{x:?}"))
}
