//! The header of an `.npy` file: a Python dictionary of exactly three keys.
//!
//! ```text
//! header := "\x93NUMPY" major minor length "{" entry ("," entry)* [","] "}" padding "\n"
//! entry  := "'descr'" ":" text | "'fortran_order'" ":" ("True" | "False") | "'shape'" ":" "(" [number ("," number)*] [","] ")"
//! ```
//!
//! It is read from the front without going back and without nesting, so its cost is that of its length.

use std::io::{self, Read, Write};

use smallvec::SmallVec;

use super::{NpyError, NpyKind, NpyType};
use crate::array::{DType, Shape, ShapeTuple};

/// Longest header that is read; three keys and a shape of numpy's 64 axes take 2 kB.
const LONGEST: usize = 1 << 16;
/// The elements begin at a multiple of this.
const ALIGNMENT: usize = 64;
const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// The header of an `.npy` file: what its elements are, and how they lie.
///
/// ```
/// use elimap::{DType, NpyHeader};
/// let mut file = Vec::new();
/// NpyHeader::new(DType::F64, &[3, 2]).write(&mut file)?;
/// let header = NpyHeader::read(&mut &file[..])?;
/// assert_eq!((&header.shape[..], header.fortran_order), (&[3, 2][..], false));
/// assert_eq!(header.dtype.kind.dtype(), DType::F64);
/// # Ok::<(), elimap::NpyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NpyHeader {
    /// The elements' type.
    pub dtype: NpyType,
    /// The length of each axis.
    pub shape: Shape,
    /// Whether neighbours along the first axis lie side by side, rather than along the last.
    pub fortran_order: bool,
}

impl NpyHeader {
    /// The header of an array in row-major order.
    ///
    /// ```
    /// use elimap::{DType, NpyHeader};
    /// let header = NpyHeader::new(DType::F32, &[4]);
    /// assert_eq!((&header.shape[..], header.dtype.kind.dtype()), (&[4][..], DType::F32));
    /// ```
    #[must_use]
    pub fn new(dtype: DType, shape: &[usize]) -> Self {
        NpyHeader {
            dtype: dtype.into(),
            shape: Shape::from_slice(shape),
            fortran_order: false,
        }
    }

    /// The number of elements, where a machine word holds it.
    ///
    /// ```
    /// use elimap::{DType, NpyHeader};
    /// assert_eq!(NpyHeader::new(DType::F64, &[3, 2]).len(), Some(6));
    /// assert_eq!(NpyHeader::new(DType::F64, &[usize::MAX, 2]).len(), None);
    /// ```
    #[must_use]
    pub fn len(&self) -> Option<usize> {
        if self.shape.contains(&0) {
            return Some(0);
        }
        self.shape
            .iter()
            .try_fold(1_usize, |n, &d| n.checked_mul(d))
    }

    /// Whether there are no elements.
    ///
    /// ```
    /// use elimap::{DType, NpyHeader};
    /// assert!(NpyHeader::new(DType::F64, &[3, 0]).is_empty());
    /// assert!(!NpyHeader::new(DType::F64, &[]).is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shape.contains(&0)
    }

    /// Reads a header; the elements follow it in the reader.
    ///
    /// # Errors
    ///
    /// [`NpyError`] with what is wrong and where.
    ///
    /// ```
    /// use elimap::{Array, NpyHeader};
    /// let mut file = Vec::new();
    /// Array::from(vec![1.0, 2.0]).to_npy(&mut file)?;
    /// assert_eq!(&NpyHeader::read(&mut &file[..])?.shape[..], [2]);
    /// assert!(NpyHeader::read(&mut &b"PK\x03\x04 is a zip"[..]).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(reader: &mut impl Read) -> Result<Self, NpyError> {
        let mut start = [0; 8];
        exact(reader, &mut start)?;
        let [magic @ .., major, minor] = start;
        if magic != *MAGIC {
            return Err(NpyError::Magic);
        }
        let length = match (major, minor) {
            (1, 0) => {
                let mut length = [0; 2];
                exact(reader, &mut length)?;
                usize::from(u16::from_le_bytes(length))
            }
            (2 | 3, 0) => {
                let mut length = [0; 4];
                exact(reader, &mut length)?;
                usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX)
            }
            _ => return Err(NpyError::Version { major, minor }),
        };
        if length > LONGEST {
            let detail =
                format!("a header of {length} bytes, where {LONGEST} are more than enough");
            return Err(NpyError::Header { at: 0, detail });
        }
        let mut text = vec![0; length];
        exact(reader, &mut text)?;
        Scanner { text: &text, at: 0 }.header()
    }

    /// Writes the header; the elements are to follow it.
    ///
    /// # Errors
    ///
    /// [`NpyError::Io`] where the writer fails.
    ///
    /// ```
    /// use elimap::{Array, DType, NpyHeader};
    /// let mut file = Vec::new();
    /// NpyHeader::new(DType::I64, &[2]).write(&mut file)?;
    /// file.extend(7_i64.to_le_bytes());
    /// file.extend(8_i64.to_le_bytes());
    /// assert_eq!(Array::from_npy(&file[..])?, Array::from(vec![7_i64, 8]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write(&self, writer: &mut impl Write) -> Result<(), NpyError> {
        let order = match (self.dtype.kind.size(), self.dtype.big_endian) {
            (1, _) => '|',
            (_, true) => '>',
            (_, false) => '<',
        };
        let fortran_order = if self.fortran_order { "True" } else { "False" };
        let mut text = format!(
            "{{'descr': '{order}{}', 'fortran_order': {fortran_order}, 'shape': {}, }}",
            self.dtype.kind.code(),
            ShapeTuple(&self.shape)
        );
        // Version 1 has two bytes for the length, version 2 four.
        let (major, prefix) = if text.len() + ALIGNMENT < usize::from(u16::MAX) {
            (1, 10)
        } else {
            (2, 12)
        };
        let whole = (prefix + text.len() + 1).next_multiple_of(ALIGNMENT);
        text.extend(std::iter::repeat_n(' ', whole - prefix - text.len() - 1));
        text.push('\n');
        writer.write_all(MAGIC)?;
        writer.write_all(&[major, 0])?;
        let length = (text.len() as u32).to_le_bytes();
        writer.write_all(&length[..prefix - 8])?;
        writer.write_all(text.as_bytes())?;
        Ok(())
    }
}

/// Fills a buffer; data that end before are cut off.
fn exact(reader: &mut impl Read, buffer: &mut [u8]) -> Result<(), NpyError> {
    reader
        .read_exact(buffer)
        .map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => NpyError::Header {
                at: 0,
                detail: "the data end within the header".to_owned(),
            },
            _ => NpyError::Io { source },
        })
}

/// Reads a header's text from the front.
struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    fn header(mut self) -> Result<NpyHeader, NpyError> {
        let (mut dtype, mut order, mut shape) = (None, None, None);
        self.mark(b'{')?;
        while self.peek() != Some(b'}') {
            let at = self.at;
            let key = self.quoted()?;
            self.mark(b':')?;
            let again = match key {
                b"descr" => dtype.replace(self.element_type()?).is_some(),
                b"fortran_order" => order.replace(self.boolean()?).is_some(),
                b"shape" => shape.replace(self.shape()?).is_some(),
                _ => {
                    self.at = at;
                    return Err(self.expected("the key descr, fortran_order or shape"));
                }
            };
            if again {
                self.at = at;
                return Err(self.expected("each key once"));
            }
            if self.peek() != Some(b'}') {
                self.mark(b',')?;
            }
        }
        self.mark(b'}')?;
        if self.peek().is_some() {
            return Err(self.expected("the end of the header"));
        }
        match (dtype, order, shape) {
            (Some(dtype), Some(fortran_order), Some(shape)) => Ok(NpyHeader {
                dtype,
                shape,
                fortran_order,
            }),
            _ => Err(self.expected("the keys descr, fortran_order and shape")),
        }
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn expected(&mut self, what: &str) -> NpyError {
        let found = match self.peek() {
            None => "its end".to_owned(),
            Some(_) => {
                let rest = &self.text[self.at..];
                format!("`{}`", String::from_utf8_lossy(&rest[..rest.len().min(24)]))
            }
        };
        NpyError::Header {
            at: self.at,
            detail: format!("expected {what}, found {found}"),
        }
    }

    fn mark(&mut self, mark: u8) -> Result<(), NpyError> {
        if self.peek() != Some(mark) {
            return Err(self.expected(&format!("`{}`", char::from(mark))));
        }
        self.at += 1;
        Ok(())
    }

    /// The bytes while `test` holds.
    fn run(&mut self, test: impl Fn(u8) -> bool) -> &'a [u8] {
        let start = self.at;
        while self.text.get(self.at).is_some_and(|&byte| test(byte)) {
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    /// A text in quotes of either kind, without escapes.
    fn quoted(&mut self) -> Result<&'a [u8], NpyError> {
        let Some(quote @ (b'\'' | b'"')) = self.peek() else {
            return Err(self.expected("a text in quotes"));
        };
        self.at += 1;
        let start = self.at;
        let length = self.run(|byte| byte != quote).len();
        self.mark(quote)?;
        Ok(&self.text[start..start + length])
    }

    fn element_type(&mut self) -> Result<NpyType, NpyError> {
        if !matches!(self.peek(), Some(b'\'' | b'"')) {
            // A list of fields, which no array here has.
            let rest = &self.text[self.at..];
            let descr = String::from_utf8_lossy(&rest[..rest.len().min(24)]);
            return Err(NpyError::Type {
                descr: format!("`{descr}..`"),
            });
        }
        let descr = String::from_utf8_lossy(self.quoted()?).into_owned();
        let order = descr.as_bytes().first().copied();
        let (big_endian, code) = match order {
            Some(b'<' | b'|') => (false, &descr[1..]),
            Some(b'>') => (true, &descr[1..]),
            Some(b'=') => (cfg!(target_endian = "big"), &descr[1..]),
            _ => (false, &descr[..]),
        };
        match NpyKind::ALL.into_iter().find(|kind| kind.code() == code) {
            Some(kind) => Ok(NpyType { kind, big_endian }),
            None => Err(NpyError::Type {
                descr: format!("'{descr}'"),
            }),
        }
    }

    fn boolean(&mut self) -> Result<bool, NpyError> {
        self.peek();
        let start = self.at;
        match self.run(|byte| byte.is_ascii_alphabetic()) {
            b"True" => Ok(true),
            b"False" => Ok(false),
            _ => {
                self.at = start;
                Err(self.expected("`True` or `False`"))
            }
        }
    }

    fn shape(&mut self) -> Result<Shape, NpyError> {
        self.mark(b'(')?;
        let mut shape: Shape = SmallVec::new();
        while self.peek() != Some(b')') {
            let start = self.at;
            let digits = self.run(|byte| byte.is_ascii_digit());
            let length = std::str::from_utf8(digits)
                .ok()
                .and_then(|d| d.parse().ok());
            let Some(length) = length else {
                self.at = start;
                return Err(self.expected("an axis' length that fits a machine word"));
            };
            shape.push(length);
            // Python 2 marked its long integers.
            self.run(|byte| byte == b'L');
            if self.peek() != Some(b')') {
                self.mark(b',')?;
            }
        }
        self.mark(b')')?;
        Ok(shape)
    }
}
