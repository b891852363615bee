//! Work units grouped into shards, for computing them elsewhere.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use serde::{Deserialize, Serialize};

use crate::phase::eliminator::error::EliminatorError;
use crate::phase::graph::json::bare_message;
use crate::phase::symbolic::key::BlockKey;
use crate::phase::symbolic::topology::Topology;
use crate::phase::symbolic::unit::WorkUnit;

const FORMAT: &str = "elimap-manifest";
const VERSION: u32 = 1;
const PREFIX: &str = "manifest-";
const SUFFIX: &str = ".json";

/// Which work units make which shard.
///
/// ```json
/// {"format": "elimap-manifest", "version": 1, "shards": [{"cost": 5120, "units": ["9f0c..."]}]}
/// ```
///
/// | field | meaning |
/// | --- | --- |
/// | `format`, `version` | checked before anything else |
/// | `shards` | by number, from 0; a shard is empty only where there are no units |
/// | `cost` | the predicted multiply-adds of its units |
/// | `units` | their keys; the unit with key k is in the file `k.json` beside the manifest |
///
/// Units are handed out by longest processing time first (Graham 1969, *Bounds on multiprocessing timing anomalies*): each
/// goes to the shard that has least, the costliest first, so the largest shard is at most 4/3 of the best possible.
///
/// A manifest is named after its content ([`file_name`](Self::file_name)), as units are. So any number of models may be
/// planned into one folder, and whoever was given the name of a manifest finds that manifest and no later one.
///
/// ```
/// use elimap::phase::{Analysis, Manifest, models};
///
/// let analysis = Analysis::new(&models::block_chain(8, 30, 3, 8, 1)?);
/// let manifest = Manifest::new(analysis.work_units(), 2);
/// let [one, other] = manifest.shards() else { panic!("two shards") };
/// assert_eq!(one.units.len() + other.units.len(), analysis.work_units().len());
/// assert_eq!(Manifest::from_json(&manifest.to_json())?, manifest);
/// # Ok::<(), elimap::phase::PhaseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    format: String,
    version: u32,
    shards: Vec<Shard>,
}

/// Units for one worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Shard {
    /// The predicted multiply-adds of all its units.
    pub cost: u64,
    /// The keys of its units.
    pub units: Vec<BlockKey>,
}

impl Manifest {
    /// The name of this manifest's file: `manifest-`, the first half of a hash of its content, `.json`.
    ///
    /// ```
    /// use elimap::phase::{Analysis, Manifest, models};
    ///
    /// let manifest = Manifest::new(Analysis::new(&models::islands(4)?).work_units(), 2);
    /// assert!(manifest.file_name().starts_with("manifest-") && Manifest::is_file_name(&manifest.file_name()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn file_name(&self) -> String {
        let hash = blake3::hash(self.to_json().as_bytes()).to_hex();
        format!("{PREFIX}{}{SUFFIX}", &hash[..32])
    }

    /// Whether a file has the name of a manifest, of this or of another content.
    ///
    /// ```
    /// use elimap::phase::Manifest;
    ///
    /// assert!(Manifest::is_file_name(&Manifest::new(&[], 1).file_name()));
    /// assert!(!Manifest::is_file_name("manifest.json"));
    /// ```
    #[must_use]
    pub fn is_file_name(name: &str) -> bool {
        let hash = name
            .strip_prefix(PREFIX)
            .and_then(|name| name.strip_suffix(SUFFIX));
        hash.is_some_and(|hash| hash.len() == 32 && hash.bytes().all(|b| b.is_ascii_hexdigit()))
    }

    /// The name of a unit's file.
    ///
    /// ```
    /// use elimap::phase::{Analysis, Manifest, models};
    ///
    /// let key = Analysis::new(&models::birth_death(30)?).work_units()[0].key();
    /// assert_eq!(Manifest::unit_file(key), format!("{key}.json"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn unit_file(key: BlockKey) -> String {
        format!("{key}.json")
    }

    /// Groups units into this many shards of about equal predicted cost, at least one and at most one per unit.
    ///
    /// ```
    /// use elimap::phase::{Analysis, Manifest, models};
    ///
    /// let analysis = Analysis::new(&models::islands(4)?);
    /// let manifest = Manifest::new(analysis.work_units(), 2);
    /// let units: usize = manifest.shards().iter().map(|shard| shard.units.len()).sum();
    /// assert_eq!((manifest.shards().len(), units), (2, analysis.work_units().len()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn new(units: &[WorkUnit], shards: usize) -> Self {
        let mut costs: Vec<(u64, BlockKey)> = units
            .iter()
            .map(|unit| (unit.predicted_multiply_adds(), unit.key()))
            .collect();
        costs.sort_unstable_by(|a, b| b.cmp(a));
        let mut shards = vec![Shard::default(); shards.clamp(1, units.len().max(1))];
        // The least so far comes out first, and of equals the one with the lowest number.
        let mut least: BinaryHeap<Reverse<(u64, usize)>> =
            (0..shards.len()).map(|shard| Reverse((0, shard))).collect();
        for (cost, key) in costs {
            if let Some(mut top) = least.peek_mut() {
                let Reverse((total, shard)) = &mut *top;
                *total = total.saturating_add(cost);
                shards[*shard].cost = *total;
                shards[*shard].units.push(key);
            }
        }
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            shards,
        }
    }

    /// The shards.
    ///
    /// ```
    /// use elimap::phase::{Analysis, Manifest, models};
    ///
    /// // There are no more shards than units.
    /// let units = Analysis::new(&models::birth_death(30)?).work_units().to_vec();
    /// let manifest = Manifest::new(&units, 8);
    /// assert_eq!((manifest.shards().len(), &manifest.shards()[0].units[..]), (1, &[units[0].key()][..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// Writes the manifest as JSON.
    ///
    /// ```
    /// use elimap::phase::{Analysis, Manifest, models};
    ///
    /// let manifest = Manifest::new(Analysis::new(&models::islands(4)?).work_units(), 2);
    /// assert_eq!(Manifest::from_json(&manifest.to_json())?, manifest);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to_json(&self) -> String {
        // Integers and strings only: there is nothing serialization could refuse.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads a manifest.
    ///
    /// # Errors
    ///
    /// [`EliminatorError::Manifest`] for text of another shape, format or version.
    ///
    /// ```
    /// use elimap::phase::Manifest;
    ///
    /// let text = Manifest::new(&[], 1).to_json();
    /// assert!(Manifest::from_json(&text).is_ok());
    /// assert!(Manifest::from_json("{}").is_err());
    /// ```
    pub fn from_json(text: &str) -> Result<Self, EliminatorError> {
        let manifest: Self =
            serde_json::from_str(text).map_err(|error| EliminatorError::Manifest {
                message: format!(
                    "line {}, column {}: {}",
                    error.line(),
                    error.column(),
                    bare_message(&error)
                ),
            })?;
        if manifest.format != FORMAT || manifest.version != VERSION {
            return Err(EliminatorError::Manifest {
                message: format!(
                    "it is `{}` version {}, this library reads `{FORMAT}` version {VERSION}",
                    manifest.format, manifest.version
                ),
            });
        }
        Ok(manifest)
    }
}

impl WorkUnit {
    /// About how many multiply-adds the elimination will do, without ordering or eliminating anything.
    ///
    /// The exact number needs the order and the filled pattern, which is all the work there is; so it is predicted from the
    /// widths of the levels of a breadth-first walk, as if the block were eliminated level by level, and scaled by what a
    /// better order gains on sparse blocks. Within a factor of 10 on grids, random blocks and dense blocks; meant for
    /// comparing units, not for its value. At least 1 per vertex.
    ///
    /// ```
    /// use elimap::phase::{Analysis, models};
    ///
    /// let cost = |size| -> Result<u64, elimap::phase::PhaseError> {
    ///     Ok(Analysis::new(&models::grid_walk(size, size)?).work_units()[0].predicted_multiply_adds())
    /// };
    /// assert!(cost(20)? > cost(10)? && cost(10)? >= 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn predicted_multiply_adds(&self) -> u64 {
        predict(self.topology())
    }
}

fn predict(topology: &Topology) -> u64 {
    let size = topology.size();
    let mut neighbours = vec![Vec::new(); size];
    for vertex in 0..size as u32 {
        for &target in topology.row(vertex) {
            neighbours[vertex as usize].push(target);
            neighbours[target as usize].push(vertex);
        }
    }
    let mut seen = vec![false; size];
    let mut widths = Vec::new();
    let mut level = Vec::new();
    for root in 0..size as u32 {
        if !std::mem::replace(&mut seen[root as usize], true) {
            level.push(root);
        }
        while !level.is_empty() {
            widths.push(level.len() as f64);
            let mut next = Vec::new();
            for vertex in level.drain(..) {
                for &other in &neighbours[vertex as usize] {
                    if !std::mem::replace(&mut seen[other as usize], true) {
                        next.push(other);
                    }
                }
            }
            level = next;
        }
    }
    let following = widths.iter().skip(1).copied().chain([0.0]);
    let by_level: f64 = widths
        .iter()
        .zip(following)
        .map(|(width, next)| width * (width + next).powi(2))
        .sum();
    let degree = 2.0 * topology.edge_count() as f64 / size.max(1) as f64;
    let gain = 0.5 * degree / (degree + 40.0);
    (by_level * gain).max(size as f64) as u64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Manifest, WorkUnit};
    use crate::phase::{Analysis, eliminate_unit, models};

    #[test]
    fn predictions_are_near_the_count() {
        for graph in [
            models::grid_walk(20, 20).unwrap(),
            models::grid_walk(60, 60).unwrap(),
            models::dense(100, 1).unwrap(),
            models::random_block(50, 4, 1).unwrap(),
            models::random_block(400, 4, 1).unwrap(),
        ] {
            let analysis = Analysis::new(&graph);
            let unit = &analysis.work_units()[0];
            let exact = eliminate_unit(unit).multiply_adds() as f64;
            let ratio = unit.predicted_multiply_adds() as f64 / exact;
            assert!(
                ratio > 0.5 && ratio < 10.0,
                "{} vertices: {ratio}",
                unit.size()
            );
        }
    }

    #[test]
    fn a_manifest_is_named_after_its_content() {
        let analysis = Analysis::new(&models::block_chain(4, 30, 3, 4, 2).unwrap());
        let manifest = |shards| Manifest::new(analysis.work_units(), shards);
        let (one, two) = (manifest(1).file_name(), manifest(2).file_name());
        assert_ne!(one, two);
        assert_eq!(one, manifest(1).file_name());
        assert!(Manifest::is_file_name(&one) && Manifest::is_file_name(&two));
        let unit = Manifest::unit_file(analysis.work_units()[0].key());
        for other in [&*unit, "manifest.json", "manifest-.json", "manifest-x"] {
            assert!(!Manifest::is_file_name(other), "{other}");
        }
    }

    #[test]
    fn shards_are_balanced_and_complete() {
        let analysis = Analysis::new(&models::block_chain(40, 30, 3, 40, 2).unwrap());
        let units = analysis.work_units();
        let manifest = Manifest::new(units, 3);
        let costs: Vec<u64> = manifest.shards().iter().map(|shard| shard.cost).collect();
        let (most, least) = (costs.iter().max().unwrap(), costs.iter().min().unwrap());
        assert!(*most as f64 <= 1.1 * *least as f64, "{costs:?}");
        let mut keys: Vec<_> = manifest
            .shards()
            .iter()
            .flat_map(|s| s.units.clone())
            .collect();
        let mut expected: Vec<_> = units.iter().map(WorkUnit::key).collect();
        keys.sort_unstable();
        expected.sort_unstable();
        assert_eq!(keys, expected);
        assert_eq!(Manifest::new(&[], 0).shards().len(), 1);
        let most = Manifest::new(units, usize::MAX);
        assert_eq!(most.shards().len(), units.len());
        assert!(most.shards().iter().all(|shard| shard.units.len() == 1));
        for text in ["", "[]", r#"{"format":"x","version":1,"shards":[]}"#] {
            assert!(Manifest::from_json(text).is_err());
        }
    }
}
