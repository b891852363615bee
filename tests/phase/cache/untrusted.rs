//! Entries that are damaged, crafted, or no files.

use std::fs;
use std::path::{Path, PathBuf};

use elimap::phase::{Analysis, TraceCache, models};

use super::{files, graph, reopened, run};

#[test]
fn damage_anywhere_is_a_reported_miss_and_repaired() {
    let folder = tempfile::tempdir().unwrap();
    let graph = models::random_block(60, 3, 2).unwrap();
    run(&reopened(folder.path()), &graph);
    let originals: Vec<(PathBuf, Vec<u8>)> = files(folder.path())
        .into_iter()
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    assert_eq!(originals.len(), 2);
    for (path, whole) in &originals {
        let step = (whole.len() / 60).max(1);
        let places = (0..whole.len()).filter(|at| *at < 100 || at % step == 0);
        let flipped = places.clone().map(|at| {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            bytes
        });
        let cut = places.map(|at| whole[..at].to_vec());
        let longer = std::iter::once([&whole[..], b"more"].concat());
        for damaged in flipped.chain(cut).chain(longer) {
            fs::write(path, &damaged).unwrap();
            let cache = reopened(folder.path());
            assert_eq!(cache.verify().len(), 1);
            let report = run(&cache, &graph).report;
            assert_eq!(report.cache.damaged, 1);
            assert_eq!(report.cache.disk.misses, 1);
            assert_eq!(&fs::read(path).unwrap(), whole, "not replaced");
            assert!(cache.verify().is_empty());
        }
    }
    // An entry of another block under this name, and a foreign file.
    let other = models::random_block(60, 3, 3).unwrap();
    run(&reopened(folder.path()), &other);
    let blocks: Vec<PathBuf> = files(folder.path())
        .into_iter()
        .filter(|path| path.extension().unwrap() == "block")
        .collect();
    let (this, that) = match originals.iter().any(|(path, _)| *path == blocks[0]) {
        true => (&blocks[0], &blocks[1]),
        false => (&blocks[1], &blocks[0]),
    };
    fs::copy(that, this).unwrap();
    assert_eq!(
        run(&reopened(folder.path()), &graph).report.cache.damaged,
        1
    );
    fs::write(this, "not an entry at all").unwrap();
    assert_eq!(
        run(&reopened(folder.path()), &graph).report.cache.damaged,
        1
    );
    assert!(reopened(folder.path()).verify().is_empty());
}

/// An entry with a right checksum again, as anybody can compute it.
fn seal(bytes: &mut [u8]) {
    let sum = *blake3::Hasher::new()
        .update(&bytes[..64])
        .update(&bytes[96..])
        .finalize()
        .as_bytes();
    bytes[64..96].copy_from_slice(&sum);
}

/// Where the payload of an entry begins.
fn payload(bytes: &[u8]) -> usize {
    96 + u64::from_le_bytes(bytes[48..56].try_into().unwrap()) as usize
}

#[test]
fn entries_crafted_with_a_right_checksum_are_found_and_not_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let graph = models::islands(4).unwrap();
    // Two blocks with entries of their own, or riding along with the plan.
    for min_size in [2, 4] {
        let open = |path: &Path| TraceCache::builder().min_size(min_size).open(path).unwrap();
        let cache = open(folder.path());
        run(&cache, &graph);
        let target = tempfile::tempdir().unwrap();
        let target = open(target.path());
        for entry in cache.entries() {
            let whole = entry.read().unwrap();
            assert_eq!(
                target.import(&entry.name, &whole[..]).unwrap(),
                whole.len() as u64
            );
            for at in (payload(&whole)..whole.len() - 3).step_by(4) {
                for word in [0, 1, 2, 5, u32::MAX] {
                    let mut crafted = whole.clone();
                    crafted[at..at + 4].copy_from_slice(&word.to_le_bytes());
                    if crafted == whole {
                        continue;
                    }
                    seal(&mut crafted);
                    target.import(&entry.name, &crafted[..]).unwrap_err();
                    fs::write(&entry.path, &crafted).unwrap();
                    let faults = cache.verify();
                    assert_eq!(faults.len(), 1, "{at} {word}");
                    assert_eq!(faults[0].path, entry.path);
                }
            }
            fs::write(&entry.path, &whole).unwrap();
        }
        // None of them took the place of a good one.
        assert!(target.verify().is_empty());
        assert_eq!(run(&target, &graph).report.host_calls, 0);
        cache.clear().unwrap();
    }
}

#[test]
fn a_plan_that_states_the_key_of_another_block_is_a_miss() {
    let folder = tempfile::tempdir().unwrap();
    let graph = models::islands(4).unwrap();
    let open = || {
        TraceCache::builder()
            .min_size(4)
            .open(folder.path())
            .unwrap()
    };
    run(&open(), &graph);
    let entry = open().entries().pop().unwrap();
    let mut bytes = entry.read().unwrap();
    let unit = Analysis::new(&graph).work_units()[0].key();
    let at = bytes
        .windows(32)
        .rposition(|window| window == unit.as_bytes())
        .unwrap();
    bytes[at] ^= 1;
    seal(&mut bytes);
    fs::write(&entry.path, &bytes).unwrap();
    let report = run(&open(), &graph).report;
    assert_eq!((report.cache.damaged, report.graph_hit), (1, false));
    assert!(run(&open(), &graph).report.graph_hit);
}

/// Zeros without end, and how many were taken.
struct Zeros(u64);

impl std::io::Read for Zeros {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        buffer.fill(0);
        self.0 += buffer.len() as u64;
        Ok(buffer.len())
    }
}

#[test]
fn no_length_is_believed_before_the_bytes_are_there() {
    use std::io::Read;
    let folder = tempfile::tempdir().unwrap();
    let cache = reopened(folder.path());
    run(&cache, &graph());
    for entry in cache.entries() {
        let whole = entry.read().unwrap();
        let canonical = payload(&whole) as u64;
        // Not an entry at all; more canonical bytes than the folder may hold; a payload that never ends.
        let name = entry.name.as_str();
        let offer = |front: &[u8]| {
            let mut zeros = Zeros(0);
            let refused = cache.import(name, front.chain(&mut zeros)).unwrap_err();
            (zeros.0, refused.to_string())
        };
        let (taken, message) = offer(&[]);
        assert!(
            taken <= 4096 && message.contains("no cache entry"),
            "{taken} {message}"
        );
        let mut header = whole[..96].to_vec();
        header[48..56].copy_from_slice(&(1u64 << 50).to_le_bytes());
        let (taken, message) = offer(&header);
        assert!(
            taken <= 4096 && message.contains("larger than the folder"),
            "{taken} {message}"
        );
        let mut front = whole[..canonical as usize].to_vec();
        front[56..64].copy_from_slice(&(1u64 << 30).to_le_bytes());
        let (taken, message) = offer(&front);
        assert!(
            taken <= 4096 && message.contains("longer than what it describes"),
            "{taken} {message}"
        );
        let (_, message) = offer(&whole);
        assert!(message.contains("where its header says"), "{message}");
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_a_miss_and_replaced() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    run(&reopened(folder.path()), &graph());
    let paths = files(folder.path());
    let whole = fs::read(&paths[1]).unwrap();
    let aside = tempfile::tempdir().unwrap();
    let copy = aside.path().join("copy");
    fs::write(&copy, &whole).unwrap();
    for path in &paths {
        fs::remove_file(path).unwrap();
    }
    // A pipe whose other end nobody opens, links to a device without end and to a good entry, and a sparse terabyte.
    let pipe = std::process::Command::new("mkfifo").arg(&paths[0]).status();
    assert!(pipe.unwrap().success());
    symlink(&copy, &paths[1]).unwrap();
    symlink("/dev/zero", &paths[2]).unwrap();
    fs::File::create(&paths[3])
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    let cache = reopened(folder.path());
    assert_eq!(cache.entries().len(), 1);
    let faults = cache.verify();
    let odd = faults
        .iter()
        .filter(|fault| fault.message == "it is no regular file");
    assert_eq!((faults.len(), odd.count()), (4, 3));
    let report = run(&cache, &graph()).report;
    assert_eq!((report.cache.damaged, report.cache.disk.hits), (4, 0));
    assert!(cache.verify().is_empty());
    assert_eq!(fs::read(&paths[1]).unwrap(), whole);
    assert_eq!(fs::read(&copy).unwrap(), whole);
}
