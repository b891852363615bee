//! Work units: one block topology each, self-contained, as JSON where they travel.
//!
//! The form is described at [`WorkUnit`]. A unit is checked when it is read, its key included, so whoever holds one may
//! eliminate it without looking.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::phase::csr::Csr;
use crate::phase::graph::json::bare_message;
use crate::phase::symbolic::error::SymbolicError;
use crate::phase::symbolic::key::BlockKey;
use crate::phase::symbolic::topology::Topology;

const FORMAT: &str = "elimap-work-unit";
const VERSION: u32 = 1;

/// The elimination of one block topology, still to be done.
///
/// A unit travels as JSON ([`to_json`](Self::to_json), [`from_json`](Self::from_json)):
///
/// ```json
/// {"format": "elimap-work-unit", "version": 1, "key": "9f0c...", "edges": [[1, 2], [0], [1]], "exits": [2]}
/// ```
///
/// | field | meaning |
/// | --- | --- |
/// | `format`, `version` | checked before anything else |
/// | `key` | the [`BlockKey`] of the topology, checked against the content |
/// | `edges` | for each vertex of the block, in local numbering, its successors inside the block, ascending |
/// | `exits` | the vertices that have an edge out of the block, ascending |
///
/// A unit holds neither rates nor labels: whoever receives it can compute the trace and send it back under its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkUnit {
    topology: Arc<Topology>,
}

#[derive(Deserialize)]
struct Header {
    format: String,
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(expecting = "an object, a work unit")]
struct Body {
    format: String,
    version: u32,
    key: BlockKey,
    edges: Vec<Vec<u32>>,
    exits: Vec<u32>,
}

fn malformed(error: &serde_json::Error) -> SymbolicError {
    SymbolicError::WorkUnitJson {
        line: error.line(),
        column: error.column(),
        message: bare_message(error),
    }
}

impl WorkUnit {
    pub(crate) fn new(topology: Topology) -> Self {
        Self {
            topology: Arc::new(topology),
        }
    }

    /// The content key, under which the unit's trace may be stored and shared.
    ///
    /// ```
    /// use elimap::phase::{Analysis, models};
    ///
    /// // Rates do not matter, where edges are does.
    /// let key = |graph| Analysis::new(&graph).work_units()[0].key();
    /// assert_eq!(key(models::birth_death(9)?), key(models::birth_death(9)?));
    /// assert_ne!(key(models::birth_death(9)?), key(models::birth_death(10)?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn key(&self) -> BlockKey {
        self.topology.key()
    }

    /// The number of vertices of the block.
    ///
    /// ```
    /// use elimap::phase::{Analysis, models};
    ///
    /// assert_eq!(Analysis::new(&models::birth_death(9)?).work_units()[0].size(), 9);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn size(&self) -> usize {
        self.topology.size()
    }

    /// The number of edges inside the block; parallel edges count once.
    ///
    /// ```
    /// use elimap::phase::{Analysis, models};
    ///
    /// assert_eq!(Analysis::new(&models::birth_death(9)?).work_units()[0].edge_count(), 16);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn edge_count(&self) -> usize {
        self.topology.edge_count()
    }

    pub(crate) fn topology(&self) -> &Arc<Topology> {
        &self.topology
    }

    /// Writes the unit as JSON.
    ///
    /// ```
    /// use elimap::phase::{Analysis, WorkUnit, models};
    ///
    /// let unit = Analysis::new(&models::birth_death(9)?).work_units()[0].clone();
    /// assert_eq!(WorkUnit::from_json(&unit.to_json())?, unit);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to_json(&self) -> String {
        let size = self.size() as u32;
        let body = Body {
            format: FORMAT.to_owned(),
            version: VERSION,
            key: self.key(),
            edges: (0..size)
                .map(|vertex| self.topology.row(vertex).to_vec())
                .collect(),
            exits: (0..size)
                .filter(|&vertex| self.topology.exits(vertex))
                .collect(),
        };
        // Integers and strings only: there is nothing serialization could refuse.
        serde_json::to_string(&body).unwrap_or_default()
    }

    /// Reads a unit and checks that it is whole.
    ///
    /// # Errors
    ///
    /// [`SymbolicError::WorkUnitJson`] for text of another shape, [`SymbolicError::WorkUnitVersion`] for another format or
    /// version, [`SymbolicError::WorkUnitPattern`] for vertices out of range or order, [`SymbolicError::WorkUnitKey`] if the
    /// content does not have the key stated.
    ///
    /// ```
    /// use elimap::phase::{Analysis, WorkUnit, models};
    ///
    /// let text = Analysis::new(&models::birth_death(3)?).work_units()[0].to_json();
    /// assert_eq!(WorkUnit::from_json(&text)?.size(), 3);
    /// // The key tells of every change.
    /// assert!(WorkUnit::from_json(&text.replace("\"exits\":[2]", "\"exits\":[1]")).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_json(text: &str) -> Result<Self, SymbolicError> {
        let header: Header = serde_json::from_str(text).map_err(|error| malformed(&error))?;
        if header.format != FORMAT || header.version != VERSION {
            let Header { format, version } = header;
            return Err(SymbolicError::WorkUnitVersion {
                format,
                version,
                expected: VERSION,
            });
        }
        let body: Body = serde_json::from_str(text).map_err(|error| malformed(&error))?;
        let topology = topology(&body)?;
        let actual = topology.key();
        if actual != body.key {
            return Err(SymbolicError::WorkUnitKey {
                stated: body.key,
                actual,
            });
        }
        Ok(Self::new(topology))
    }
}

fn topology(body: &Body) -> Result<Topology, SymbolicError> {
    let size = body.edges.len();
    let damaged = |message: String| Err(SymbolicError::WorkUnitPattern { message });
    let whole = |list: &[u32]| {
        list.windows(2).all(|pair| pair[0] < pair[1])
            && list.last().is_none_or(|&last| (last as usize) < size)
    };
    let mut successors = Csr::default();
    for (vertex, row) in body.edges.iter().enumerate() {
        if !whole(row) || row.binary_search(&(vertex as u32)).is_ok() {
            return damaged(format!(
                "the successors of vertex {vertex} are not ascending vertices below {size} other than itself"
            ));
        }
        successors.push_row(row.iter().copied());
    }
    if !whole(&body.exits) {
        return damaged(format!("the exits are not ascending vertices below {size}"));
    }
    let mut exits = vec![false; size];
    for &vertex in &body.exits {
        exits[vertex as usize] = true;
    }
    Ok(Topology::new(successors, exits))
}
