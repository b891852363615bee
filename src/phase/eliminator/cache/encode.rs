//! Entries as bytes.
//!
//! All integers are little-endian. An entry is
//!
//! | bytes | content |
//! | --- | --- |
//! | 0..8 | `elimapTC` |
//! | 8..12 | format version |
//! | 12..16 | kind: 1 a block trace, 2 the plan of a graph |
//! | 16..48 | key |
//! | 48..56 | length of the canonical bytes |
//! | 56..64 | length of the payload |
//! | 64..96 | BLAKE3 of bytes 0..64 and everything from byte 96 on |
//! | 96.. | the canonical bytes that the key was taken from, then the payload |
//!
//! The payload of a block trace is its order and the two patterns, the whole filled pattern and not the order alone:
//! filling a grid of 100 by 100 again takes 4 ms, reading its 1.3 MB pattern a tenth of that.
//!
//! The payload of a plan is the numbering, the blocks, the slots, and the block traces that have no entry of their own.
//!
//! Whoever decodes has compared the checksum and the canonical bytes before, so what is checked here is not damage any
//! more. It is checked that nothing read can index out of bounds, and that a plan's units are those of its blocks.

use std::sync::Arc;

use thiserror::Error;

use crate::phase::graph::Graph;
use crate::phase::index::{Index, IndexVec, Local, Position, Span};
use crate::phase::symbolic::fill::{BlockTrace, Pattern};
use crate::phase::symbolic::key::BlockKey;
use crate::phase::symbolic::layout::{Layout, Words};
use crate::phase::symbolic::unit::WorkUnit;

/// Changes whenever the bytes of an entry do.
const VERSION: u32 = 1;
const MAGIC: &[u8; 8] = b"elimapTC";
pub(super) const HEADER: usize = 96;
const HASHED: usize = 64;

/// What an entry holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EntryKind {
    /// The trace of a block.
    Block,
    /// The plan of a whole graph: its numbering, its blocks, and which trace serves which block.
    Graph,
}

impl EntryKind {
    /// Every kind.
    pub const ALL: [EntryKind; 2] = [EntryKind::Block, EntryKind::Graph];

    /// The name, which is also the extension of its files.
    ///
    /// ```
    /// use elimap::phase::{Eliminator, TraceCache, models};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let cache = TraceCache::builder().min_size(1).open(folder.path())?;
    /// Eliminator::new().cache(&cache).trace(&models::birth_death(30)?)?;
    /// for entry in cache.entries() {
    ///     assert_eq!(entry.path.extension(), Some(entry.kind.name().as_ref()));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            EntryKind::Block => "block",
            EntryKind::Graph => "graph",
        }
    }

    const fn code(self) -> u32 {
        match self {
            EntryKind::Block => 1,
            EntryKind::Graph => 2,
        }
    }
}

/// Kind and key: what an entry is found under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EntryId {
    pub kind: EntryKind,
    pub key: [u8; 32],
}

impl EntryId {
    pub(super) fn block(key: BlockKey) -> Self {
        Self {
            kind: EntryKind::Block,
            key: *key.as_bytes(),
        }
    }

    /// The name of its file: the key in hexadecimal and the kind.
    pub(super) fn file_name(&self) -> String {
        let key = blake3::Hash::from_bytes(self.key).to_hex();
        format!("{key}.{}", self.kind.name())
    }

    /// The entry that a file of this name holds.
    pub(super) fn from_file_name(name: &str) -> Option<Self> {
        let (key, kind) = name.split_once('.')?;
        let kind = EntryKind::ALL.into_iter().find(|k| k.name() == kind)?;
        let key = *blake3::Hash::from_hex(key).ok()?.as_bytes();
        let id = Self { kind, key };
        // Upper case would be another name for the same entry.
        (id.file_name() == name).then_some(id)
    }
}

/// Why the bytes of an entry are not believed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Damage {
    #[error("it is no cache entry")]
    Foreign,
    #[error("it is no regular file")]
    NotAFile,
    #[error("it belongs to user {0}, in a folder where anybody may write")]
    Owner(u32),
    #[error("it has format version {0}, this version reads {VERSION}")]
    Version(u32),
    #[error("it has {found} bytes where its header says {expected}")]
    Length { expected: u64, found: u64 },
    #[error("its checksum is wrong")]
    Checksum,
    #[error("it belongs under another name")]
    Name,
    #[error("it has the right key and checksum, but describes something else")]
    Canonical,
    #[error("its key is another version's")]
    Outdated,
    #[error("its content is impossible: {0}")]
    Content(&'static str),
}

/// An entry under construction: the canonical bytes, then the payload.
pub(super) struct Writer {
    bytes: Vec<u8>,
    canonical: usize,
}

impl Writer {
    pub(super) fn new(canonical: &[u8]) -> Self {
        let mut bytes = vec![0; HEADER];
        bytes.extend_from_slice(canonical);
        Self {
            bytes,
            canonical: canonical.len(),
        }
    }

    fn word(&mut self, word: u32) {
        self.bytes.extend_from_slice(&word.to_le_bytes());
    }

    fn words(&mut self, words: &[u32]) {
        put_words(&mut self.bytes, words);
    }

    /// Appends what these values are as words.
    fn words_of<T>(&mut self, values: &[T], word: impl Fn(&T) -> u32) {
        extend_words(&mut self.bytes, values, word);
    }

    /// Fills the header in.
    pub(super) fn seal(self, id: EntryId) -> Vec<u8> {
        let Self {
            mut bytes,
            canonical,
        } = self;
        let payload = bytes.len() - HEADER - canonical;
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&id.kind.code().to_le_bytes());
        bytes[16..48].copy_from_slice(&id.key);
        bytes[48..56].copy_from_slice(&(canonical as u64).to_le_bytes());
        bytes[56..64].copy_from_slice(&(payload as u64).to_le_bytes());
        let sum = checksum(&bytes);
        bytes[HASHED..HEADER].copy_from_slice(&sum);
        bytes
    }
}

/// Appends words as bytes, at the speed of a copy.
pub(super) fn put_words(bytes: &mut Vec<u8>, words: &[u32]) {
    extend_words(bytes, words, |&word| word);
}

fn extend_words<T>(bytes: &mut Vec<u8>, values: &[T], word: impl Fn(&T) -> u32) {
    let start = bytes.len();
    bytes.resize(start + 4 * values.len(), 0);
    for (place, value) in bytes[start..].chunks_exact_mut(4).zip(values) {
        place.copy_from_slice(&word(value).to_le_bytes());
    }
}

fn checksum(bytes: &[u8]) -> [u8; 32] {
    *blake3::Hasher::new()
        .update(&bytes[..HASHED])
        .update(&bytes[HEADER..])
        .finalize()
        .as_bytes()
}

/// What the first bytes of an entry say about the rest.
#[derive(Debug)]
pub(super) struct Header {
    pub id: EntryId,
    pub canonical: u64,
    pub payload: u64,
}

impl Header {
    /// Reads it from the front of an entry, or of what may be one.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Damage> {
        if bytes.len() < 8 || &bytes[..8] != MAGIC {
            return Err(Damage::Foreign);
        }
        if bytes.len() < HEADER {
            return Err(Damage::Length {
                expected: HEADER as u64,
                found: bytes.len() as u64,
            });
        }
        let word = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        if word(8) != VERSION {
            return Err(Damage::Version(word(8)));
        }
        let kind = EntryKind::ALL
            .into_iter()
            .find(|kind| kind.code() == word(12))
            .ok_or(Damage::Content("no such kind"))?;
        let mut key = [0; 32];
        key.copy_from_slice(&bytes[16..48]);
        Ok(Self {
            id: EntryId { kind, key },
            canonical: long(48),
            payload: long(56),
        })
    }

    /// The length of the whole entry.
    pub(super) fn length(&self) -> u64 {
        (HEADER as u64)
            .saturating_add(self.canonical)
            .saturating_add(self.payload)
    }

    /// An error if the whole entry has another length.
    pub(super) fn check_length(&self, found: u64) -> Result<(), Damage> {
        let expected = self.length();
        match found == expected {
            true => Ok(()),
            false => Err(Damage::Length { expected, found }),
        }
    }
}

/// An entry whose checksum is right.
#[derive(Debug)]
pub(super) struct Entry<'b> {
    pub id: EntryId,
    pub canonical: &'b [u8],
    pub payload: &'b [u8],
}

impl<'b> Entry<'b> {
    /// Checks header, lengths and checksum.
    pub(super) fn open(bytes: &'b [u8]) -> Result<Self, Damage> {
        let header = Header::parse(bytes)?;
        header.check_length(bytes.len() as u64)?;
        if checksum(bytes) != bytes[HASHED..HEADER] {
            return Err(Damage::Checksum);
        }
        let (canonical, payload) = bytes[HEADER..].split_at(header.canonical as usize);
        Ok(Self {
            id: header.id,
            canonical,
            payload,
        })
    }

    /// Checks also that it is the entry asked for.
    pub(super) fn open_as(bytes: &'b [u8], id: EntryId, canonical: &[u8]) -> Result<Self, Damage> {
        let entry = Self::open(bytes)?;
        if entry.id != id {
            return Err(Damage::Name);
        }
        if entry.canonical != canonical {
            return Err(Damage::Canonical);
        }
        Ok(entry)
    }
}

/// Reads a payload from front to back.
pub(super) struct Reader<'b>(pub &'b [u8]);

const SHORT: Damage = Damage::Content("it ends too early");

impl Reader<'_> {
    fn take(&mut self, count: usize) -> Result<&[u8], Damage> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(SHORT)?;
        self.0 = rest;
        Ok(taken)
    }

    fn word(&mut self) -> Result<u32, Damage> {
        let bytes = self.take(4)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn count(&mut self) -> Result<usize, Damage> {
        self.word().map(|word| word as usize)
    }

    fn words(&mut self, count: usize) -> Result<Vec<u32>, Damage> {
        let bytes = self.take(count.checked_mul(4).ok_or(SHORT)?)?;
        Ok(bytes
            .chunks_exact(4)
            .map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
            .collect())
    }

    fn finish(&self) -> Result<(), Damage> {
        check(self.0.is_empty(), "there is more than there should be")
    }
}

fn check(holds: bool, otherwise: &'static str) -> Result<(), Damage> {
    if holds {
        Ok(())
    } else {
        Err(Damage::Content(otherwise))
    }
}

/// Appends a block trace.
pub(super) fn put_trace(writer: &mut Writer, trace: &BlockTrace) {
    let multiply_adds = trace.multiply_adds();
    writer.word(trace.size() as u32);
    writer.word(multiply_adds as u32);
    writer.word((multiply_adds >> 32) as u32);
    writer.words_of(trace.order.as_slice(), |vertex| vertex.as_u32());
    for pattern in [&trace.lower, &trace.upper] {
        for row in pattern.iter() {
            writer.word(row.len() as u32);
        }
        writer.words_of(pattern.values(), |column| column.as_u32());
    }
}

fn take_pattern(
    reader: &mut Reader<'_>,
    size: usize,
    within: impl Fn(Position, &[Position]) -> bool,
) -> Result<Pattern, Damage> {
    let lengths: Vec<usize> = reader
        .words(size)?
        .into_iter()
        .map(|n| n as usize)
        .collect();
    let total = lengths.iter().sum();
    let columns = reader.words(total)?.into_iter().map(Position::from_u32);
    let pattern = Pattern::from_lengths(lengths, columns.collect());
    let pattern = pattern.ok_or(Damage::Content(
        "the rows of a factor do not follow each other",
    ))?;
    let ascending = |row: &[Position]| row.windows(2).all(|pair| pair[0] < pair[1]);
    let rows = Span::new(0..size).iter().zip(pattern.iter());
    let whole = rows
        .into_iter()
        .all(|(p, row)| ascending(row) && within(p, row));
    check(whole, "a row of a factor leaves its triangle")?;
    Ok(pattern)
}

/// Reads the trace of a unit.
pub(super) fn take_trace(reader: &mut Reader<'_>, unit: &WorkUnit) -> Result<BlockTrace, Damage> {
    let size = reader.count()?;
    check(size == unit.size(), "a block has another size")?;
    let multiply_adds = u64::from(reader.word()?) | u64::from(reader.word()?) << 32;
    let order = reader.words(size)?.into_iter().map(Local::from_u32);
    let order: IndexVec<Position, Local> = order.collect();
    let mut position = IndexVec::filled(None, size);
    for (p, &vertex) in order.iter_enumerated() {
        check(vertex.index() < size, "an order leaves its block")?;
        position[vertex] = Some(p);
    }
    let position: Option<IndexVec<Local, Position>> = position.iter().copied().collect();
    let position = position.ok_or(Damage::Content("an order does not name every vertex"))?;
    let lower = take_pattern(reader, size, |p, row| {
        row.last().is_none_or(|&last| last < p)
    })?;
    let upper = take_pattern(reader, size, |p, row| {
        row.first().is_none_or(|&first| first > p)
            && row.last().is_none_or(|&last| last.index() < size)
    })?;
    let topology = Arc::clone(unit.topology());
    Ok(BlockTrace::from_parts(
        topology,
        order,
        position,
        (lower, upper),
        multiply_adds,
    ))
}

/// The entry of a block trace.
pub(super) fn block_entry(id: EntryId, trace: &BlockTrace) -> Vec<u8> {
    let mut writer = Writer::new(&trace.topology.canonical_bytes());
    put_trace(&mut writer, trace);
    writer.seal(id)
}

/// Reads the entry of a unit's trace.
pub(super) fn read_block(bytes: &[u8], id: EntryId, unit: &WorkUnit) -> Result<BlockTrace, Damage> {
    let entry = Entry::open_as(bytes, id, &unit.topology().canonical_bytes())?;
    let mut reader = Reader(entry.payload);
    let trace = take_trace(&mut reader, unit)?;
    reader.finish()?;
    Ok(trace)
}

/// The analysis of a graph as an entry has it, and the traces that ride along with it, by unit.
pub(super) struct StoredAnalysis {
    pub layout: Layout,
    pub units: Vec<WorkUnit>,
    pub traces: Vec<Option<Arc<BlockTrace>>>,
}

/// The entry of a graph's plan; a unit's trace rides along where `inline` gives it.
pub(super) fn graph_entry<'t>(
    id: EntryId,
    structure: &[u8],
    layout: &Layout,
    units: &[WorkUnit],
    inline: impl Fn(usize) -> Option<&'t BlockTrace>,
) -> Vec<u8> {
    let mut writer = Writer::new(structure);
    let words = layout.to_words();
    writer.word(words.transient.len() as u32);
    writer.word(words.unit_of_block.len() as u32);
    writer.word(words.slot_target.len() as u32);
    writer.word(words.slot_edges.len() as u32);
    writer.word(units.len() as u32);
    writer.word(u32::from(words.nonabsorbing.is_some()));
    for words in [
        &words.transient,
        &words.block_first,
        &words.unit_of_block,
        &words.slot_first,
        &words.internal_end,
        &words.external_end,
        &words.slot_target,
        &words.slot_edge_first,
        &words.slot_edges,
    ] {
        writer.words(words);
    }
    if let Some(marks) = &words.nonabsorbing {
        writer
            .bytes
            .extend(marks.iter().map(|&mark| u8::from(mark)));
    }
    for (index, unit) in units.iter().enumerate() {
        writer.bytes.extend_from_slice(unit.key().as_bytes());
        match inline(index) {
            Some(trace) => {
                writer.word(1);
                put_trace(&mut writer, trace);
            }
            None => writer.word(0),
        }
    }
    writer.seal(id)
}

/// Reads the plan of a graph.
pub(super) fn read_graph(
    bytes: &[u8],
    id: EntryId,
    structure: &[u8],
    graph: &Graph,
) -> Result<StoredAnalysis, Damage> {
    let entry = Entry::open_as(bytes, id, structure)?;
    let mut reader = Reader(entry.payload);
    let (transient, blocks, slots) = (reader.count()?, reader.count()?, reader.count()?);
    let (slot_edges, unit_count, marked) = (reader.count()?, reader.count()?, reader.word()?);
    let words = Words {
        transient: reader.words(transient)?,
        block_first: reader.words(blocks + 1)?,
        unit_of_block: reader.words(blocks)?,
        slot_first: reader.words(transient + 1)?,
        internal_end: reader.words(transient)?,
        external_end: reader.words(transient)?,
        slot_target: reader.words(slots)?,
        slot_edge_first: reader.words(slots + 1)?,
        slot_edges: reader.words(slot_edges)?,
        nonabsorbing: match marked {
            0 => None,
            _ => Some(
                reader
                    .take(transient)?
                    .iter()
                    .map(|&mark| mark != 0)
                    .collect(),
            ),
        },
    };
    let layout = Layout::from_words(words, graph, unit_count).map_err(Damage::Content)?;
    check(
        unit_count <= layout.blocks().len(),
        "a unit serves no block",
    )?;
    let mut first_block = vec![None; unit_count];
    for block in layout.blocks().rev() {
        if let Some(unit) = layout.unit(block) {
            first_block[unit.index()] = Some(block);
        }
    }
    let mut units = Vec::with_capacity(unit_count);
    let mut traces = Vec::with_capacity(unit_count);
    for block in first_block {
        let block = block.ok_or(Damage::Content("a unit serves no block"))?;
        let topology = layout.topology(block);
        let key = topology.key();
        check(
            reader.take(32)? == key.as_bytes(),
            "a unit is not that of its block",
        )?;
        let unit = WorkUnit::new(topology);
        traces.push(match reader.word()? {
            0 => None,
            _ => Some(Arc::new(take_trace(&mut reader, &unit)?)),
        });
        units.push(unit);
    }
    reader.finish()?;
    Ok(StoredAnalysis {
        layout,
        units,
        traces,
    })
}
