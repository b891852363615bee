//! Matrices from files: thetas and rewards, as `.npy`, as JSON lists of rows, or as CSV.
//!
//! The form is told by the first byte: text that is no JSON list is CSV, whose first line may be names. What is called .csv is read
//! as such in any case. An `.npy` file is read a few rows at a time, so memory does not follow its length; text is read whole.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use elimap::{NpyError, NpyHeader, NpyType};
use ndarray::Array2;
use thiserror::Error;

/// Rows of no numbers, which take no room in a file, so that any number of them can be promised.
const MOST_EMPTY_ROWS: usize = 1 << 20;

/// What can be wrong with the file of a matrix.
#[derive(Debug, Error)]
pub(crate) enum MatrixError {
    #[error("cannot read `{file}`: {source}; check the path and its permissions")]
    Io { file: String, source: io::Error },
    #[error("`{file}` is not a whole .npy file: {source}")]
    Npy { file: String, source: NpyError },
    #[error(
        "`{file}` has the shape ({found}), but rows of {columns} numbers are needed; reshape it to (rows, {columns})"
    )]
    Shape {
        file: String,
        found: String,
        columns: usize,
    },
    #[error(
        "`{file}` holds values of type {dtype}; save it as float64 (float32 and integers are accepted too)"
    )]
    Type { file: String, dtype: String },
    #[error(
        "`{file}` is in Fortran order, which cannot be read row by row; save numpy.ascontiguousarray(x) instead"
    )]
    FortranOrder { file: String },
    #[error(
        "`{file}` ends within row {row} of {rows}: it was cut off, or is still being written; write it again"
    )]
    CutOff { file: String, row: u64, rows: u64 },
    #[error(
        "`{file}` is neither .npy nor a JSON list of rows such as [[1.0, 0.5], [2.0, 0.5]]: {source}"
    )]
    Json {
        file: String,
        source: serde_json::Error,
    },
    #[error(
        "`{file}`, line {line}: `{word}` is not a number; CSV has numbers separated by commas, and names in its first line at most"
    )]
    Csv {
        file: String,
        line: usize,
        word: String,
    },
    #[error(
        "`{file}` has {rows} rows of no numbers, and one answer is the same as {rows}; give at most {MOST_EMPTY_ROWS}"
    )]
    EmptyRows { file: String, rows: usize },
    #[error("`{file}`, row {row}: found {found} numbers, expected {expected}; give one for each")]
    RowLength {
        file: String,
        row: usize,
        found: usize,
        expected: usize,
    },
}

/// A matrix that is read from the front, some rows at a time.
pub(crate) struct MatrixFile {
    name: String,
    rows: u64,
    columns: usize,
    next: u64,
    values: Values,
}

enum Values {
    Npy(BufReader<Box<dyn Read>>, NpyType),
    Text(std::vec::IntoIter<f64>),
}

impl MatrixFile {
    /// Opens a file, or stdin for `-`, whose rows must have so many numbers.
    pub(crate) fn open(path: &Path, columns: usize) -> Result<MatrixFile, MatrixError> {
        let name = path.display().to_string();
        let failed = |source| MatrixError::Io {
            file: path.display().to_string(),
            source,
        };
        let reader: Box<dyn Read> = if path == Path::new("-") {
            Box::new(io::stdin())
        } else {
            Box::new(File::open(path).map_err(failed)?)
        };
        let mut reader = BufReader::with_capacity(1 << 16, reader);
        let is_csv = path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("csv"));
        // The first byte of the .npy format is none of UTF-8.
        match reader.fill_buf().map_err(failed)? {
            [0x93, ..] => Self::open_npy(name, reader, columns),
            _ if is_csv => Self::open_csv(name, reader, columns),
            [first, ..]
                if first.is_ascii_digit()
                    || first.is_ascii_alphabetic()
                    || b"-+.#\"".contains(first) =>
            {
                Self::open_csv(name, reader, columns)
            }
            _ => Self::open_json(name, reader, columns),
        }
    }

    /// All rows of a file.
    pub(crate) fn read(path: &Path, columns: usize) -> Result<Array2<f64>, MatrixError> {
        let mut file = Self::open(path, columns)?;
        file.next_rows(usize::MAX)
    }

    fn open_npy(
        name: String,
        mut reader: BufReader<Box<dyn Read>>,
        columns: usize,
    ) -> Result<MatrixFile, MatrixError> {
        let header = match NpyHeader::read(&mut reader) {
            Ok(header) => header,
            Err(NpyError::Type { descr }) => {
                return Err(MatrixError::Type {
                    file: name,
                    dtype: descr,
                });
            }
            Err(source) => return Err(MatrixError::Npy { file: name, source }),
        };
        let dtype = header.dtype.kind.dtype();
        if dtype.is_complex() {
            return Err(MatrixError::Type {
                file: name,
                dtype: dtype.name().to_owned(),
            });
        }
        let rows = match header.shape[..] {
            [rows, found] if found == columns => rows,
            ref shape => {
                let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
                return Err(MatrixError::Shape {
                    file: name,
                    found: sizes.join(", "),
                    columns,
                });
            }
        };
        if columns == 0 && rows > MOST_EMPTY_ROWS {
            return Err(MatrixError::EmptyRows { file: name, rows });
        }
        // Of a single row or column the orders are the same.
        if header.fortran_order && rows > 1 && columns > 1 {
            return Err(MatrixError::FortranOrder { file: name });
        }
        Ok(MatrixFile {
            name,
            rows: rows as u64,
            columns,
            next: 0,
            values: Values::Npy(reader, header.dtype),
        })
    }

    fn open_json(
        name: String,
        reader: impl Read,
        columns: usize,
    ) -> Result<MatrixFile, MatrixError> {
        let rows: Vec<Vec<f64>> = serde_json::from_reader(reader).map_err(|source| {
            let file = name.clone();
            if source.is_io() {
                let source = source.into();
                return MatrixError::Io { file, source };
            }
            MatrixError::Json { file, source }
        })?;
        Self::of_rows(name, rows, columns)
    }

    fn open_csv(
        name: String,
        mut reader: impl Read,
        columns: usize,
    ) -> Result<MatrixFile, MatrixError> {
        let mut text = String::new();
        if let Err(source) = reader.read_to_string(&mut text) {
            return Err(MatrixError::Io { file: name, source });
        }
        let mut rows = Vec::new();
        for (line, content) in (1..).zip(text.lines()) {
            let content = content.trim();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let words: Vec<&str> = content.split(',').map(str::trim).collect();
            let numbers: Result<Vec<f64>, &str> = words
                .iter()
                .map(|word| word.parse().map_err(|_| *word))
                .collect();
            match numbers {
                Ok(row) => rows.push(row),
                // A first line of names.
                Err(_)
                    if rows.is_empty() && words.iter().all(|word| word.parse::<f64>().is_err()) => {
                }
                Err(word) => {
                    let (file, word) = (name, word.to_owned());
                    return Err(MatrixError::Csv { file, line, word });
                }
            }
        }
        Self::of_rows(name, rows, columns)
    }

    fn of_rows(
        name: String,
        rows: Vec<Vec<f64>>,
        columns: usize,
    ) -> Result<MatrixFile, MatrixError> {
        if let Some(row) = rows.iter().position(|row| row.len() != columns) {
            return Err(MatrixError::RowLength {
                file: name,
                row,
                found: rows[row].len(),
                expected: columns,
            });
        }
        Ok(MatrixFile {
            name,
            rows: rows.len() as u64,
            columns,
            next: 0,
            values: Values::Text(rows.concat().into_iter()),
        })
    }

    /// How the file is called in messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The number of rows, read or not.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// The next rows, at most so many; none at the end.
    pub(crate) fn next_rows(&mut self, most: usize) -> Result<Array2<f64>, MatrixError> {
        let count = (self.rows - self.next).min(most as u64) as usize;
        let size = count.saturating_mul(self.columns);
        // A damaged header may promise any number, so memory is taken as values arrive.
        let mut values = Vec::with_capacity(size.min(1 << 20));
        match &mut self.values {
            Values::Text(source) => values.extend(source.take(size)),
            Values::Npy(reader, dtype) => {
                dtype
                    .read_f64(reader, size, &mut values)
                    .map_err(|source| MatrixError::Io {
                        file: self.name.clone(),
                        source,
                    })?;
            }
        }
        if values.len() < size {
            return Err(MatrixError::CutOff {
                file: self.name.clone(),
                row: self.next + (values.len() / self.columns.max(1)) as u64,
                rows: self.rows,
            });
        }
        self.next += count as u64;
        // The sizes agree by the check above.
        Ok(Array2::from_shape_vec((count, self.columns), values).unwrap_or_default())
    }
}
