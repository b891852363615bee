//! As much of the zip format as `.npz` files use: members that are stored or deflated, and sizes of 64 bits.
//!
//! ```text
//! archive   := (local member's bytes)* directory [end of 64 bits, its locator] end
//! directory := central*
//! ```
//!
//! The directory at the end says where members are and how large; what stands before each member's bytes is read for its
//! length only. What is written has sizes of 64 bits throughout, as numpy's archives do.

use std::io::{self, Read, Seek, SeekFrom, Write};

use flate2::Crc;
use flate2::read::DeflateDecoder;

use super::NpzError;

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
const WIDE_END: [u8; 4] = *b"PK\x06\x06";
const LOCATOR: [u8; 4] = *b"PK\x06\x07";

/// Lengths of the fixed parts, marks included.
const LOCAL_LENGTH: usize = 30;
const CENTRAL_LENGTH: usize = 46;
const END_LENGTH: usize = 22;
const WIDE_END_LENGTH: usize = 56;
const LOCATOR_LENGTH: usize = 20;

/// A comment follows the end, of at most this length.
const LONGEST_COMMENT: usize = u16::MAX as usize;
/// The extra field that holds sizes of 64 bits.
const WIDE_FIELD: u16 = 1;
/// What stands for a number that the extra field holds.
const ELSEWHERE: u32 = u32::MAX;
/// The version that has sizes of 64 bits.
const VERSION: u16 = 45;
/// Names are UTF-8.
const UTF8: u16 = 1 << 11;
const ENCRYPTED: u16 = 1;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// The first day that the format knows, so that equal arrays make equal archives.
const DATE: u16 = 1 << 5 | 1;

fn damaged(detail: impl Into<String>) -> NpzError {
    let detail = detail.into();
    NpzError::Archive { detail }
}

/// The number of little-endian bytes at a place that is known to be there.
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

/// The next bytes, which `what` needs.
fn exact<const N: usize>(reader: &mut impl Read, what: &str) -> Result<[u8; N], NpzError> {
    let mut bytes = [0; N];
    fill(reader, &mut bytes, what)?;
    Ok(bytes)
}

fn fill(reader: &mut impl Read, bytes: &mut [u8], what: &str) -> Result<(), NpzError> {
    reader
        .read_exact(bytes)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => damaged(format!("it ends within {what}")),
            _ => error.into(),
        })
}

/// A member, as the directory has it.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    method: u16,
    checksum: u32,
    /// The length of its bytes in the archive, and that of what they stand for.
    packed: u64,
    size: u64,
    /// Where what stands before its bytes begins.
    at: u64,
}

/// The members of an archive, in the order of its directory.
pub(super) fn directory(reader: &mut (impl Read + Seek)) -> Result<Vec<Member>, NpzError> {
    let length = reader.seek(SeekFrom::End(0))?;
    let (count, at) = end(reader, length)?;
    reader.seek(SeekFrom::Start(at))?;
    // A count is believed entry by entry.
    let mut members = Vec::new();
    let mut packed = 0_u64;
    for _ in 0..count {
        let member = Member::read_entry(reader)?;
        packed = packed.saturating_add(member.packed);
        if packed > length {
            // Otherwise a few bytes could stand for any number of members.
            return Err(damaged(format!(
                "its members take more than its {length} bytes"
            )));
        }
        members.push(member);
    }
    Ok(members)
}

/// The number of members and the place of the directory, from the end of the archive.
fn end(reader: &mut (impl Read + Seek), length: u64) -> Result<(u64, u64), NpzError> {
    let tail = length.min((LONGEST_COMMENT + END_LENGTH) as u64);
    let start = length - tail;
    reader.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    reader.take(tail).read_to_end(&mut bytes)?;
    let here = bytes
        .windows(END_LENGTH)
        .rposition(|window| window[..4] == END)
        .ok_or_else(|| damaged("it has no end record, so it is no zip archive or was cut off"))?;
    let record = &bytes[here..];
    let narrow = (u16_at(record, 10), u32_at(record, 12), u32_at(record, 16));
    let at_end = start + here as u64;
    if narrow.0 != u16::MAX && narrow.1 != ELSEWHERE && narrow.2 != ELSEWHERE {
        return Ok((narrow.0.into(), narrow.2.into()));
    }
    let Some(locator) = at_end.checked_sub(LOCATOR_LENGTH as u64) else {
        return Err(damaged("its end record refers to one that is not there"));
    };
    reader.seek(SeekFrom::Start(locator))?;
    let locator: [u8; LOCATOR_LENGTH] = exact(reader, "the locator of its end record")?;
    if locator[..4] != LOCATOR {
        // Numbers that only look as if they were elsewhere.
        return Ok((narrow.0.into(), narrow.2.into()));
    }
    reader.seek(SeekFrom::Start(u64_at(&locator, 8)))?;
    let wide: [u8; WIDE_END_LENGTH] = exact(reader, "its end record")?;
    if wide[..4] != WIDE_END {
        return Err(damaged("its locator does not lead to an end record"));
    }
    Ok((u64_at(&wide, 32), u64_at(&wide, 48)))
}

impl Member {
    /// The next entry of the directory.
    fn read_entry(reader: &mut impl Read) -> Result<Self, NpzError> {
        let what = "its directory";
        let entry: [u8; CENTRAL_LENGTH] = exact(reader, what)?;
        if entry[..4] != CENTRAL {
            return Err(damaged(
                "its directory has fewer entries than its end record says",
            ));
        }
        let mut name = vec![0; u16_at(&entry, 28).into()];
        fill(reader, &mut name, what)?;
        let mut extra = vec![0; u16_at(&entry, 30).into()];
        fill(reader, &mut extra, what)?;
        let mut comment = vec![0; u16_at(&entry, 32).into()];
        fill(reader, &mut comment, what)?;
        let name = String::from_utf8(name)
            .map_err(|error| damaged(format!("the name {:?} is not UTF-8", error.as_bytes())))?;
        let mut wide = wide_numbers(&extra).chunks_exact(8);
        // In this order, and only those that are elsewhere.
        let mut number = |at: usize| match u32_at(&entry, at) {
            ELSEWHERE => wide
                .next()
                .map_or(u64::from(ELSEWHERE), |raw| u64_at(raw, 0)),
            narrow => narrow.into(),
        };
        let (size, packed, at) = (number(24), number(20), number(42));
        let member = Member {
            name,
            method: u16_at(&entry, 10),
            checksum: u32_at(&entry, 16),
            packed,
            size,
            at,
        };
        if u16_at(&entry, 8) & ENCRYPTED != 0 {
            return Err(member.unsupported("is encrypted"));
        }
        match member.method {
            DEFLATED => {}
            STORED if size == packed => {}
            STORED => {
                let detail = format!("{packed} bytes are stored as {size}");
                return Err(member.damaged(detail));
            }
            other => {
                let detail = format!("is compressed by method {other}");
                return Err(member.unsupported(detail));
            }
        }
        Ok(member)
    }

    pub(super) fn unsupported(&self, detail: impl Into<String>) -> NpzError {
        NpzError::Unsupported {
            name: self.name.clone(),
            detail: detail.into(),
        }
    }

    fn damaged(&self, detail: impl Into<String>) -> NpzError {
        NpzError::Damaged {
            name: self.name.clone(),
            detail: detail.into(),
        }
    }

    /// What `read` makes of the member's bytes, all of which it has to take.
    pub(super) fn read<T>(
        &self,
        reader: &mut (impl Read + Seek),
        read: impl FnOnce(&mut dyn Read) -> Result<T, NpzError>,
    ) -> Result<T, NpzError> {
        reader.seek(SeekFrom::Start(self.at))?;
        let local: [u8; LOCAL_LENGTH] = exact(reader, "what stands before a member")?;
        if local[..4] != LOCAL {
            return Err(self.damaged("there is no member where the directory says"));
        }
        let skipped = i64::from(u16_at(&local, 26)) + i64::from(u16_at(&local, 28));
        reader.seek(SeekFrom::Current(skipped))?;
        let packed = reader.take(self.packed);
        let bytes: Box<dyn Read + '_> = match self.method {
            STORED => Box::new(packed),
            _ => Box::new(DeflateDecoder::new(packed)),
        };
        // One byte more than there should be tells too long a member from one of the right length.
        let mut summed = Summed::new(bytes.take(self.size.saturating_add(1)));
        let value = read(&mut summed)?;
        let rest = io::copy(&mut summed, &mut io::sink())?;
        let length = summed.length();
        if length != self.size {
            let detail = format!("it has {length} bytes, and {} in the directory", self.size);
            return Err(self.damaged(detail));
        }
        if summed.crc.sum() != self.checksum {
            return Err(self.damaged("its checksum is not that of the directory"));
        }
        if rest > 0 {
            return Err(self.damaged(format!("{rest} bytes follow the array")));
        }
        Ok(value)
    }
}

/// The numbers in the extra field for sizes of 64 bits, as far as there is one.
fn wide_numbers(mut extra: &[u8]) -> &[u8] {
    while extra.len() >= 4 {
        let (kind, length) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
        let Some(field) = extra.get(4..4 + length) else {
            break;
        };
        if kind == WIDE_FIELD {
            return field;
        }
        extra = &extra[4 + length..];
    }
    &[]
}

/// Counts and sums what goes through.
struct Summed<T> {
    inner: T,
    crc: Crc,
    length: u64,
}

impl<T> Summed<T> {
    fn new(inner: T) -> Self {
        Summed {
            inner,
            crc: Crc::new(),
            length: 0,
        }
    }

    fn length(&self) -> u64 {
        self.length
    }

    fn note(&mut self, bytes: &[u8]) {
        self.crc.update(bytes);
        self.length += bytes.len() as u64;
    }
}

impl<T: Read> Read for Summed<T> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(bytes)?;
        self.note(&bytes[..count]);
        Ok(count)
    }
}

impl<T: Write> Write for Summed<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.note(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// An archive as it is written: members are stored, and the directory comes last.
pub(super) struct Archive<W> {
    out: Summed<W>,
    directory: Vec<u8>,
    count: u64,
}

impl<W: Write> Archive<W> {
    pub(super) fn new(writer: W) -> Self {
        Archive {
            out: Summed::new(writer),
            directory: Vec::new(),
            count: 0,
        }
    }

    /// Adds a member. `write` writes its bytes, and is called twice: for length and checksum, which come first, then for
    /// the bytes.
    pub(super) fn member(
        &mut self,
        name: &str,
        write: impl Fn(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), NpzError> {
        let mut measured = Summed::new(io::sink());
        write(&mut measured)?;
        let (size, checksum) = (measured.length(), measured.crc.sum());
        let length = name.len();
        let name_length = u16::try_from(length).map_err(|_| NpzError::LongName { length })?;
        let at = self.out.length();
        // What both of a member's headers say: versions, flags, method, time and date, checksum, sizes, name.
        let mut shared = Vec::with_capacity(26);
        for number in [VERSION, UTF8, STORED, 0, DATE] {
            shared.extend(number.to_le_bytes());
        }
        for number in [checksum, ELSEWHERE, ELSEWHERE] {
            shared.extend(number.to_le_bytes());
        }
        shared.extend(name_length.to_le_bytes());
        let wide = |numbers: &[u64]| {
            let mut field = WIDE_FIELD.to_le_bytes().to_vec();
            field.extend((8 * numbers.len() as u16).to_le_bytes());
            field.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
            field
        };
        let field = wide(&[size, size]);
        let mut local = LOCAL.to_vec();
        local.extend(&shared);
        local.extend((field.len() as u16).to_le_bytes());
        local.extend(name.as_bytes());
        local.extend(field);
        self.out.write_all(&local)?;
        write(&mut self.out)?;
        let field = wide(&[size, size, at]);
        self.directory.extend(CENTRAL);
        self.directory.extend(VERSION.to_le_bytes());
        self.directory.extend(&shared);
        self.directory.extend((field.len() as u16).to_le_bytes());
        // No comment, the first disk, no attributes; the place is in the extra field.
        self.directory.extend([0; 10]);
        self.directory.extend(ELSEWHERE.to_le_bytes());
        self.directory.extend(name.as_bytes());
        self.directory.extend(field);
        self.count += 1;
        Ok(())
    }

    /// Writes the directory.
    pub(super) fn finish(mut self) -> Result<(), NpzError> {
        let (at, length) = (self.out.length(), self.directory.len() as u64);
        let mut tail = std::mem::take(&mut self.directory);
        tail.extend(WIDE_END);
        tail.extend((WIDE_END_LENGTH as u64 - 12).to_le_bytes());
        tail.extend(VERSION.to_le_bytes());
        tail.extend(VERSION.to_le_bytes());
        // The number of this disk and of the directory's.
        tail.extend([0; 8]);
        for number in [self.count, self.count, length, at] {
            tail.extend(number.to_le_bytes());
        }
        tail.extend(LOCATOR);
        tail.extend([0; 4]);
        tail.extend((at + length).to_le_bytes());
        tail.extend(1_u32.to_le_bytes());
        tail.extend(END);
        tail.extend([0; 4]);
        tail.extend([0xff; 12]);
        tail.extend([0; 2]);
        self.out.write_all(&tail)?;
        Ok(())
    }
}
