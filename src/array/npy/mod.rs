//! Arrays in numpy's `.npy` files.
//!
//! An `.npy` file is a [header](NpyHeader) and then the elements, one after the other. Files are not trusted: a header
//! may promise any number of elements, so memory is taken as they arrive and never for more than the file holds.

mod header;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use ndarray::{IxDyn, ShapeBuilder};
use num_complex::Complex;

use super::{Array, DType, Element, Shape, ShapeTuple, dispatch_dtype};

pub use header::NpyHeader;

/// An `.npy` file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NpyError {
    /// Reading or writing failed.
    #[error(
        "reading or writing .npy data failed: {source}; check the path, its permissions and the space left"
    )]
    Io {
        /// The system's error.
        source: io::Error,
    },
    /// What went wrong with a file.
    #[error("`{}`: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: Box<NpyError>,
    },
    /// The data do not begin as `.npy` data do.
    #[error("the data do not begin with numpy's mark `\\x93NUMPY`; save them with numpy.save")]
    Magic,
    /// A version of the format that is not known.
    #[error(
        "version {major}.{minor} of the .npy format is not known; versions 1.0, 2.0 and 3.0 are read, save it with numpy.save"
    )]
    Version {
        /// The major version.
        major: u8,
        /// The minor version.
        minor: u8,
    },
    /// The header does not say what a header says.
    #[error(
        "the .npy header is damaged at byte {at}: {detail}; save the array again with numpy.save"
    )]
    Header {
        /// The place in the header's text.
        at: usize,
        /// What was expected and what is there.
        detail: String,
    },
    /// Elements of a type that is not read.
    #[error(
        "elements of type {descr} are not read; convert them with x.astype(numpy.float64) or to bool, an integer, floating or complex type of at most 64-bit parts before saving"
    )]
    Type {
        /// The type as the header describes it.
        descr: String,
    },
    /// More elements than memory can hold.
    #[error(
        "an array of shape {} is larger than memory; save and read it in parts",
        ShapeTuple(shape)
    )]
    TooLarge {
        /// The shape.
        shape: Shape,
    },
    /// The data end before the last element.
    #[error(
        "the data end after {found} of {expected} elements: the file was cut off or is still being written; save it again"
    )]
    CutOff {
        /// Whole elements found.
        found: usize,
        /// Elements the header promises.
        expected: usize,
    },
}

impl From<io::Error> for NpyError {
    fn from(source: io::Error) -> NpyError {
        NpyError::Io { source }
    }
}

/// The kinds of elements that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NpyKind {
    /// numpy's `bool`.
    Bool,
    /// numpy's `uint8`.
    U8,
    /// numpy's `uint16`.
    U16,
    /// numpy's `uint32`.
    U32,
    /// numpy's `uint64`.
    U64,
    /// numpy's `int8`.
    I8,
    /// numpy's `int16`.
    I16,
    /// numpy's `int32`.
    I32,
    /// numpy's `int64`.
    I64,
    /// numpy's `float16`.
    F16,
    /// numpy's `float32`.
    F32,
    /// numpy's `float64`.
    F64,
    /// numpy's `complex64`.
    C64,
    /// numpy's `complex128`.
    C128,
}

impl NpyKind {
    const ALL: [NpyKind; 14] = [
        NpyKind::Bool,
        NpyKind::U8,
        NpyKind::U16,
        NpyKind::U32,
        NpyKind::U64,
        NpyKind::I8,
        NpyKind::I16,
        NpyKind::I32,
        NpyKind::I64,
        NpyKind::F16,
        NpyKind::F32,
        NpyKind::F64,
        NpyKind::C64,
        NpyKind::C128,
    ];

    /// The kind's letter and size in a header.
    const fn code(self) -> &'static str {
        match self {
            NpyKind::Bool => "b1",
            NpyKind::U8 => "u1",
            NpyKind::U16 => "u2",
            NpyKind::U32 => "u4",
            NpyKind::U64 => "u8",
            NpyKind::I8 => "i1",
            NpyKind::I16 => "i2",
            NpyKind::I32 => "i4",
            NpyKind::I64 => "i8",
            NpyKind::F16 => "f2",
            NpyKind::F32 => "f4",
            NpyKind::F64 => "f8",
            NpyKind::C64 => "c8",
            NpyKind::C128 => "c16",
        }
    }

    /// The size of an element in bytes.
    ///
    /// ```
    /// use elimap::NpyKind;
    /// assert_eq!((NpyKind::F32.size(), NpyKind::C128.size()), (4, 16));
    /// ```
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            NpyKind::Bool | NpyKind::U8 | NpyKind::I8 => 1,
            NpyKind::U16 | NpyKind::I16 | NpyKind::F16 => 2,
            NpyKind::U32 | NpyKind::I32 | NpyKind::F32 => 4,
            NpyKind::U64 | NpyKind::I64 | NpyKind::F64 | NpyKind::C64 => 8,
            NpyKind::C128 => 16,
        }
    }

    /// The element type an [`Array`] of such a file has: the same.
    ///
    /// ```
    /// use elimap::{DType, NpyKind};
    /// assert_eq!(NpyKind::I16.dtype(), DType::I16);
    /// ```
    #[must_use]
    pub const fn dtype(self) -> DType {
        match self {
            NpyKind::Bool => DType::Bool,
            NpyKind::U8 => DType::U8,
            NpyKind::U32 => DType::U32,
            NpyKind::U64 => DType::U64,
            NpyKind::U16 => DType::U16,
            NpyKind::I8 => DType::I8,
            NpyKind::I16 => DType::I16,
            NpyKind::I32 => DType::I32,
            NpyKind::I64 => DType::I64,
            NpyKind::F16 => DType::F16,
            NpyKind::F32 => DType::F32,
            NpyKind::F64 => DType::F64,
            NpyKind::C64 => DType::C64,
            NpyKind::C128 => DType::C128,
        }
    }
}

/// The kind that holds every number of the type: its own, and `float32` for `bfloat16`, which numpy does not have.
impl From<DType> for NpyKind {
    fn from(dtype: DType) -> NpyKind {
        match dtype {
            DType::Bool => NpyKind::Bool,
            DType::U8 => NpyKind::U8,
            DType::U16 => NpyKind::U16,
            DType::U32 => NpyKind::U32,
            DType::U64 => NpyKind::U64,
            DType::I8 => NpyKind::I8,
            DType::I16 => NpyKind::I16,
            DType::I32 => NpyKind::I32,
            DType::I64 => NpyKind::I64,
            DType::F16 => NpyKind::F16,
            DType::F32 | DType::BF16 => NpyKind::F32,
            DType::F64 => NpyKind::F64,
            DType::C64 => NpyKind::C64,
            DType::C128 => NpyKind::C128,
        }
    }
}

/// The type of a file's elements: which kind, and the order of their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct NpyType {
    /// The kind.
    pub kind: NpyKind,
    /// Whether the most significant byte comes first.
    pub big_endian: bool,
}

impl From<DType> for NpyType {
    fn from(dtype: DType) -> NpyType {
        NpyType {
            kind: dtype.into(),
            big_endian: false,
        }
    }
}

impl NpyType {
    /// Appends the next elements of the data to `out`, at most `count` of them, as `f64` (`bool` as 0 and 1, integers
    /// above 2^53 rounded). Fewer are appended only where the data end.
    ///
    /// Read a header, then as many rows at a time as are wanted:
    ///
    /// ```
    /// use elimap::{Array, NpyHeader};
    /// let mut file = Vec::new();
    /// Array::from(ndarray::array![[1, 2], [3, 4], [5, 6]]).to_npy(&mut file)?;
    /// let mut reader = &file[..];
    /// let header = NpyHeader::read(&mut reader)?;
    /// let mut rows = Vec::new();
    /// header.dtype.read_f64(&mut reader, 2 * header.shape[1], &mut rows)?;
    /// assert_eq!(rows, [1.0, 2.0, 3.0, 4.0]);
    /// header.dtype.read_f64(&mut reader, usize::MAX, &mut rows)?;
    /// assert_eq!(rows.len(), 6);
    /// # Ok::<(), elimap::NpyError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The reader's error, [`io::ErrorKind::OutOfMemory`], or [`io::ErrorKind::InvalidData`] for complex numbers.
    pub fn read_f64(
        self,
        reader: &mut impl Read,
        count: usize,
        out: &mut Vec<f64>,
    ) -> io::Result<()> {
        let big = self.big_endian;
        match self.kind {
            NpyKind::Bool => {
                read_as::<bool, _>(reader, big, count, out, |x| f64::from(u8::from(x)))
            }
            NpyKind::U8 => read_as::<u8, _>(reader, big, count, out, f64::from),
            NpyKind::U16 => read_as::<u16, _>(reader, big, count, out, f64::from),
            NpyKind::U32 => read_as::<u32, _>(reader, big, count, out, f64::from),
            NpyKind::U64 => read_as::<u64, _>(reader, big, count, out, |x| x as f64),
            NpyKind::I8 => read_as::<i8, _>(reader, big, count, out, f64::from),
            NpyKind::I16 => read_as::<i16, _>(reader, big, count, out, f64::from),
            NpyKind::I32 => read_as::<i32, _>(reader, big, count, out, f64::from),
            NpyKind::I64 => read_as::<i64, _>(reader, big, count, out, |x| x as f64),
            NpyKind::F16 => read_as::<f16, _>(reader, big, count, out, f64::from),
            NpyKind::F32 => read_as::<f32, _>(reader, big, count, out, f64::from),
            NpyKind::F64 => read_as::<f64, _>(reader, big, count, out, |x| x),
            NpyKind::C64 | NpyKind::C128 => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "complex numbers were given where real ones are read; save x.real",
            )),
        }
    }
}

/// A number as files store it.
trait Stored: Sized {
    const SIZE: usize;
    /// The number in `SIZE` bytes.
    fn decode(bytes: &[u8], big_endian: bool) -> Self;
    /// Appends the number's bytes, the least significant first.
    fn encode(self, out: &mut Vec<u8>);
}

macro_rules! stored {
    ($($ty:ty)*) => {$(
        impl Stored for $ty {
            const SIZE: usize = size_of::<$ty>();
            fn decode(bytes: &[u8], big_endian: bool) -> $ty {
                let mut raw = [0; size_of::<$ty>()];
                raw.copy_from_slice(bytes);
                if big_endian { <$ty>::from_be_bytes(raw) } else { <$ty>::from_le_bytes(raw) }
            }
            fn encode(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}
stored!(u8 u16 u32 u64 i8 i16 i32 i64 f16 f32 f64);

impl<T: Stored> Stored for Complex<T> {
    const SIZE: usize = 2 * T::SIZE;
    fn decode(bytes: &[u8], big_endian: bool) -> Complex<T> {
        let (re, im) = bytes.split_at(T::SIZE);
        Complex::new(T::decode(re, big_endian), T::decode(im, big_endian))
    }
    fn encode(self, out: &mut Vec<u8>) {
        self.re.encode(out);
        self.im.encode(out);
    }
}

/// Written as `float32`, which holds it.
impl Stored for bf16 {
    const SIZE: usize = 4;
    fn decode(bytes: &[u8], big_endian: bool) -> bf16 {
        bf16::from_f32(f32::decode(bytes, big_endian))
    }
    fn encode(self, out: &mut Vec<u8>) {
        self.to_f32().encode(out);
    }
}

impl Stored for bool {
    const SIZE: usize = 1;
    fn decode(bytes: &[u8], _big_endian: bool) -> bool {
        bytes[0] != 0
    }
    fn encode(self, out: &mut Vec<u8>) {
        out.push(u8::from(self));
    }
}

/// Bytes that are read or written at a time; a multiple of every element's size.
const CHUNK: usize = 1 << 16;

/// Appends at most `count` numbers, fewer where the data end.
fn read_as<S: Stored, T>(
    reader: &mut impl Read,
    big_endian: bool,
    count: usize,
    out: &mut Vec<T>,
    convert: impl Fn(S) -> T,
) -> io::Result<()> {
    let mut left = count;
    let mut bytes = Vec::with_capacity(count.min(CHUNK / S::SIZE) * S::SIZE);
    while left > 0 {
        let wanted = left.min(CHUNK / S::SIZE);
        bytes.clear();
        reader
            .take((wanted * S::SIZE) as u64)
            .read_to_end(&mut bytes)?;
        let found = bytes.len() / S::SIZE;
        out.try_reserve(found)
            .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        let numbers = bytes.chunks_exact(S::SIZE);
        out.extend(numbers.map(|raw| convert(S::decode(raw, big_endian))));
        left -= found;
        if found < wanted {
            break;
        }
    }
    Ok(())
}

/// The array of a header, whose elements follow.
fn read_array<S: Stored, T: Element>(
    reader: &mut impl Read,
    header: &NpyHeader,
    convert: impl Fn(S) -> T,
) -> Result<Array, NpyError> {
    let too_large = || NpyError::TooLarge {
        shape: header.shape.clone(),
    };
    let count = header.len().ok_or_else(too_large)?;
    let mut elements = Vec::new();
    read_as(
        reader,
        header.dtype.big_endian,
        count,
        &mut elements,
        convert,
    )
    .map_err(|source| match source.kind() {
        io::ErrorKind::OutOfMemory => too_large(),
        _ => NpyError::Io { source },
    })?;
    if elements.len() < count {
        return Err(NpyError::CutOff {
            found: elements.len(),
            expected: count,
        });
    }
    let shape = IxDyn(&header.shape).set_f(header.fortran_order);
    ndarray::Array::from_shape_vec(shape, elements)
        .map(Array::from)
        .map_err(|_| too_large())
}

/// Writes numbers a chunk at a time.
fn write_values<T: Stored + Copy>(writer: &mut impl Write, values: &[T]) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(CHUNK.min(values.len() * T::SIZE));
    for values in values.chunks(CHUNK / T::SIZE) {
        bytes.clear();
        values.iter().for_each(|value| value.encode(&mut bytes));
        writer.write_all(&bytes)?;
    }
    Ok(())
}

impl Array {
    /// Reads the array of an `.npy` file.
    ///
    /// All versions of the format and both orders of axes and of bytes are read. What follows the last element is left alone.
    ///
    /// # Errors
    ///
    /// [`NpyError::File`] with what is wrong.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::Array;
    /// let path = std::env::temp_dir().join(format!("elimap-{}.npy", std::process::id()));
    /// let x = Array::from(ndarray::array![[1.5, 2.0], [3.0, 4.0]]);
    /// x.write_npy(&path)?;
    /// assert_eq!(Array::read_npy(&path)?, x);
    /// # std::fs::remove_file(&path).unwrap();
    /// # Ok::<(), elimap::NpyError>(())
    /// ```
    pub fn read_npy(path: impl AsRef<Path>) -> Result<Array, NpyError> {
        let path = path.as_ref();
        File::open(path)
            .map_err(NpyError::from)
            .and_then(|file| Array::from_npy(BufReader::with_capacity(CHUNK, file)))
            .map_err(|source| in_file(path, source))
    }

    /// Reads an array from `.npy` data, as [`Array::read_npy`] does from a file.
    ///
    /// # Errors
    ///
    /// [`NpyError`] with what is wrong.
    ///
    /// ```
    /// use elimap::Array;
    /// let mut file = Vec::new();
    /// let x = Array::from(ndarray::array![[1_i32, 2], [3, 4]]);
    /// x.to_npy(&mut file)?;
    /// assert_eq!(Array::from_npy(&file[..])?, x);
    /// assert!(Array::from_npy(&file[..file.len() - 1]).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_npy(mut reader: impl Read) -> Result<Array, NpyError> {
        let header = NpyHeader::read(&mut reader)?;
        let reader = &mut reader;
        match header.dtype.kind {
            NpyKind::Bool => read_array::<bool, bool>(reader, &header, |x| x),
            NpyKind::U8 => read_array::<u8, u8>(reader, &header, |x| x),
            NpyKind::U16 => read_array::<u16, u16>(reader, &header, |x| x),
            NpyKind::U32 => read_array::<u32, u32>(reader, &header, |x| x),
            NpyKind::U64 => read_array::<u64, u64>(reader, &header, |x| x),
            NpyKind::I8 => read_array::<i8, i8>(reader, &header, |x| x),
            NpyKind::I16 => read_array::<i16, i16>(reader, &header, |x| x),
            NpyKind::I32 => read_array::<i32, i32>(reader, &header, |x| x),
            NpyKind::I64 => read_array::<i64, i64>(reader, &header, |x| x),
            NpyKind::F16 => read_array::<f16, f16>(reader, &header, |x| x),
            NpyKind::F32 => read_array::<f32, f32>(reader, &header, |x| x),
            NpyKind::F64 => read_array::<f64, f64>(reader, &header, |x| x),
            NpyKind::C64 => read_array::<Complex<f32>, Complex<f32>>(reader, &header, |x| x),
            NpyKind::C128 => read_array::<Complex<f64>, Complex<f64>>(reader, &header, |x| x),
        }
    }

    /// Writes the array as an `.npy` file that numpy reads, replacing a file of that name; `bfloat16`, which numpy does not have,
    /// as `float32`.
    ///
    /// # Errors
    ///
    /// [`NpyError::File`] where the file cannot be written.
    ///
    /// ```
    /// use elimap::Array;
    /// let path = std::env::temp_dir().join(format!("elimap-write-{}.npy", std::process::id()));
    /// Array::from(vec![true, false]).write_npy(&path)?;
    /// assert_eq!(Array::read_npy(&path)?, Array::from(vec![true, false]));
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_npy(&self, path: impl AsRef<Path>) -> Result<(), NpyError> {
        let path = path.as_ref();
        let write = || {
            let mut file = BufWriter::with_capacity(CHUNK, File::create(path)?);
            self.to_npy(&mut file)?;
            Ok(file.flush()?)
        };
        write().map_err(|source| in_file(path, source))
    }

    /// Writes the array as `.npy` data, as [`Array::write_npy`] does to a file.
    ///
    /// # Errors
    ///
    /// [`NpyError::Io`] where the writer fails.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Array::from(vec![1.0, 2.0]);
    /// let mut bytes = Vec::new();
    /// x.to_npy(&mut bytes)?;
    /// assert!(Array::from_npy(&bytes[..])?.identical(&x));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_npy(&self, mut writer: impl Write) -> Result<(), NpyError> {
        NpyHeader::new(self.dtype(), self.shape()).write(&mut writer)?;
        dispatch_dtype!(self.dtype(), T => write_values(&mut writer, &self.elements::<T>()))?;
        Ok(())
    }
}

fn in_file(path: &Path, source: NpyError) -> NpyError {
    NpyError::File {
        path: path.to_owned(),
        source: Box::new(source),
    }
}
