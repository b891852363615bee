//! Matrices from files: thetas and rewards, as `.npy` or as JSON lists of rows.
//!
//! The form is told by the first byte, not by the file's name. An `.npy` file is read a few rows at a time, so memory does
//! not follow its length; a JSON list is read whole.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use ndarray::Array2;
use npyz::{DType, NpyFile, Order, TypeChar, TypeStr};
use thiserror::Error;

/// What can be wrong with the file of a matrix.
#[derive(Debug, Error)]
pub(crate) enum MatrixError {
    #[error("cannot read `{file}`: {source}; check the path and its permissions")]
    Io { file: String, source: io::Error },
    #[error("`{file}` is not a whole .npy file: {message}; write it again with numpy.save")]
    Npy { file: String, message: String },
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
    Npy(Box<dyn Iterator<Item = io::Result<f64>>>),
    Json(std::vec::IntoIter<f64>),
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
        // The first byte of the .npy format is none of UTF-8.
        if reader.fill_buf().map_err(failed)?.first() == Some(&0x93) {
            Self::open_npy(name, reader, columns)
        } else {
            Self::open_json(name, reader, columns)
        }
    }

    /// All rows of a file.
    pub(crate) fn read(path: &Path, columns: usize) -> Result<Array2<f64>, MatrixError> {
        let mut file = Self::open(path, columns)?;
        file.next_rows(usize::MAX)
    }

    fn open_npy(
        name: String,
        reader: BufReader<Box<dyn Read>>,
        columns: usize,
    ) -> Result<MatrixFile, MatrixError> {
        let file = NpyFile::new(reader).map_err(|error| MatrixError::Npy {
            file: name.clone(),
            message: error.to_string(),
        })?;
        let rows = match *file.shape() {
            [rows, found] if found == columns as u64 => rows,
            ref shape => {
                let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
                return Err(MatrixError::Shape {
                    file: name,
                    found: sizes.join(", "),
                    columns,
                });
            }
        };
        // Of a single row or column the orders are the same.
        if file.order() == Order::Fortran && rows > 1 && columns > 1 {
            return Err(MatrixError::FortranOrder { file: name });
        }
        let DType::Plain(kind) = file.dtype() else {
            return Err(MatrixError::Type {
                file: name,
                dtype: file.dtype().descr(),
            });
        };
        let values = numbers(file, &kind).ok_or_else(|| MatrixError::Type {
            file: name.clone(),
            dtype: format!("'{kind}'"),
        })?;
        Ok(MatrixFile {
            name,
            rows,
            columns,
            next: 0,
            values: Values::Npy(values),
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
            values: Values::Json(rows.concat().into_iter()),
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
            Values::Json(source) => values.extend(source.take(size)),
            Values::Npy(source) => {
                for value in source.take(size) {
                    match value {
                        Ok(value) => values.push(value),
                        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                        Err(source) => {
                            return Err(MatrixError::Io {
                                file: self.name.clone(),
                                source,
                            });
                        }
                    }
                }
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

/// The values of a file as `f64`, if they are real numbers.
fn numbers<R: Read + 'static>(
    file: NpyFile<R>,
    kind: &TypeStr,
) -> Option<Box<dyn Iterator<Item = io::Result<f64>>>> {
    macro_rules! read {
        ($type:ty, $convert:expr) => {
            file.try_data::<$type>().ok().map(|values| {
                let convert: fn($type) -> f64 = $convert;
                Box::new(values.map(move |value| value.map(convert))) as _
            })
        };
    }
    match (kind.type_char(), kind.size_field()) {
        (TypeChar::Float, 8) => read!(f64, |x| x),
        (TypeChar::Float, 4) => read!(f32, f64::from),
        (TypeChar::Int, 8) => read!(i64, |x| x as f64),
        (TypeChar::Int, 4) => read!(i32, f64::from),
        (TypeChar::Int, 2) => read!(i16, f64::from),
        (TypeChar::Int, 1) => read!(i8, f64::from),
        (TypeChar::Uint, 8) => read!(u64, |x| x as f64),
        (TypeChar::Uint, 4) => read!(u32, f64::from),
        (TypeChar::Uint, 2) => read!(u16, f64::from),
        (TypeChar::Uint, 1) => read!(u8, f64::from),
        _ => None,
    }
}
