//! The cache: what it shares, what it survives, and that it never changes an answer.
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use elimap::phase::{
    Analysis, CacheError, Elimination, EliminationTrace, Eliminator, EntryKind, Graph, TraceCache,
    models,
};

/// Exact equality of everything a trace answers.
fn bits(trace: &EliminationTrace) -> Vec<u64> {
    let theta: Vec<f64> = (0..trace.param_length())
        .map(|k| 1.0 + 0.3 * k as f64)
        .collect();
    let time = trace.at(&theta).unwrap();
    time.expected_waiting_times()
        .into_iter()
        .chain(time.moments(3))
        .map(f64::to_bits)
        .collect()
}

/// Three distinct blocks of 60 vertices.
fn graph() -> Graph {
    models::block_chain(6, 60, 3, 3, 5).unwrap()
}

fn run(cache: &TraceCache, graph: &Graph) -> Elimination {
    let done = Eliminator::new().cache(cache).run(graph).unwrap();
    assert_eq!(bits(&done.trace), bits(&EliminationTrace::record(graph)));
    done
}

/// A cache as another process would open it: with nothing in memory.
fn reopened(folder: &Path) -> TraceCache {
    TraceCache::builder().min_size(50).open(folder).unwrap()
}

/// All files but the folder's tag.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            out.extend(files(&path));
        } else if path.file_name().unwrap() != "CACHEDIR.TAG" {
            out.push(path);
        }
    }
    out.sort();
    out
}

#[test]
fn a_second_run_analyzes_and_computes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let first = run(&reopened(folder.path()), &graph()).report;
    assert_eq!(
        (first.work_units, first.cache_hits, first.host_calls),
        (3, 0, 1)
    );
    assert!(!first.graph_hit);
    assert_eq!((first.cache.disk.hits, first.cache.disk.misses), (0, 4));

    let cache = reopened(folder.path());
    let second = run(&cache, &graph()).report;
    assert_eq!((second.cache_hits, second.host_calls), (3, 0));
    assert!(second.graph_hit);
    assert_eq!((second.cache.disk.hits, second.cache.disk.misses), (4, 0));
    assert_eq!(second.cache.disk.bytes_read, first.cache.disk.bytes_written);
    assert_eq!(second.cache.disk.bytes_written, 0);

    let third = run(&cache, &graph()).report;
    assert_eq!((third.cache.memory.hits, third.cache.memory.misses), (4, 0));
    assert_eq!((third.cache.disk.hits, third.cache.disk.misses), (0, 0));
    let mut sum = second.cache;
    sum += third.cache;
    assert_eq!(cache.stats(), sum);
}

#[test]
fn graphs_that_differ_in_coefficients_share_a_plan_and_keep_their_answers() {
    let scaled = |factor: f64| {
        let mut builder = Graph::builder(0, 1);
        let vertices: Vec<_> = (0..80).map(|_| builder.add_vertex(&[])).collect();
        let end = builder.add_vertex(&[]);
        for (i, pair) in vertices.windows(2).enumerate() {
            builder.add_edge(pair[0], pair[1], &[factor]);
            builder.add_edge(pair[1], pair[0], &[1.0 + i as f64]);
        }
        builder.add_edge(vertices[79], end, &[factor]);
        builder.start(vertices[0], 1.0);
        builder.build().unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let cache = reopened(folder.path());
    run(&cache, &scaled(40.0));
    assert!(run(&cache, &scaled(50.0)).report.graph_hit);
    assert!(
        run(&reopened(folder.path()), &scaled(60.0))
            .report
            .graph_hit
    );
}

#[test]
fn an_edge_that_is_always_zero_makes_another_plan() {
    let with = |rate: f64| {
        let mut builder = Graph::builder(0, 1);
        let vertices: Vec<_> = (0..60).map(|_| builder.add_vertex(&[])).collect();
        for pair in vertices.windows(2) {
            builder.add_edge(pair[0], pair[1], &[1.0]);
        }
        // Back to the front, or nowhere.
        builder.add_edge(vertices[58], vertices[0], &[rate]);
        builder.start(vertices[0], 1.0);
        builder.build().unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let cache = reopened(folder.path());
    run(&cache, &with(1.0));
    let other = run(&cache, &with(0.0));
    assert!(!other.report.graph_hit);
    assert_eq!(other.trace.summary().work_units, 0);
}

/// Blocks of a grid walk one after the other: rows by columns of each.
fn grids(shapes: &[(usize, usize)]) -> Graph {
    let mut builder = Graph::builder(0, 1);
    let mut entrance = None;
    for &(rows, columns) in shapes {
        let cells: Vec<_> = (0..rows * columns)
            .map(|_| builder.add_vertex(&[]))
            .collect();
        for row in 0..rows {
            for column in 0..columns {
                let here = cells[row * columns + column];
                let mut both = |there| {
                    builder.add_edge(here, there, &[1.0]);
                    builder.add_edge(there, here, &[2.0]);
                };
                if column + 1 < columns {
                    both(cells[row * columns + column + 1]);
                }
                if row + 1 < rows {
                    both(cells[(row + 1) * columns + column]);
                }
            }
        }
        match entrance {
            None => {
                builder.start(cells[0], 1.0);
            }
            Some(exit) => {
                builder.add_edge(exit, cells[0], &[1.0]);
            }
        }
        entrance = cells.last().copied();
    }
    let end = builder.add_vertex(&[]);
    builder.add_edge(entrance.unwrap(), end, &[1.0]);
    builder.build().unwrap()
}

#[test]
fn a_graph_that_shares_half_its_blocks_computes_the_other_half() {
    let folder = tempfile::tempdir().unwrap();
    let first = run(
        &reopened(folder.path()),
        &grids(&[(8, 8), (8, 9), (8, 10), (8, 11)]),
    )
    .report;
    assert_eq!((first.work_units, first.cache_hits), (4, 0));
    // In another place and order, between other blocks.
    let second = grids(&[(9, 9), (8, 11), (9, 10), (8, 8)]);
    let report = run(&reopened(folder.path()), &second).report;
    assert_eq!(
        (report.work_units, report.cache_hits, report.host_calls),
        (4, 2, 1)
    );
    assert!(!report.graph_hit);
    // What was computed is kept under the keys of the other half.
    let keys = |graph: &Graph| -> Vec<String> {
        let units = Analysis::new(graph).work_units().to_vec();
        units
            .iter()
            .map(|unit| format!("{}.block", unit.key()))
            .collect()
    };
    let mut expected = keys(&grids(&[(8, 8), (8, 9), (8, 10), (8, 11), (9, 9), (9, 10)]));
    expected.sort();
    let cache = reopened(folder.path());
    let is_block = |kind| kind == EntryKind::Block;
    let blocks = cache.entries().into_iter().filter(|e| is_block(e.kind));
    let mut found: Vec<String> = blocks.map(|entry| entry.name).collect();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn small_blocks_ride_along_with_their_graph() {
    let folder = tempfile::tempdir().unwrap();
    let cache = TraceCache::builder()
        .min_size(61)
        .open(folder.path())
        .unwrap();
    run(&cache, &graph());
    let kinds: Vec<EntryKind> = cache.entries().iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [EntryKind::Graph]);
    let again = TraceCache::builder()
        .min_size(61)
        .open(folder.path())
        .unwrap();
    let report = run(&again, &graph()).report;
    assert_eq!((report.cache_hits, report.host_calls), (3, 0));
    assert_eq!((report.cache.disk.hits, report.cache.disk.misses), (1, 0));
    // A graph that is small itself leaves nothing on disk.
    let small = models::islands(4).unwrap();
    assert!(!run(&again, &small).report.graph_hit);
    assert_eq!(again.entries().len(), 1);
    assert!(run(&again, &small).report.graph_hit);
}

#[test]
fn memory_keeps_what_was_used_last() {
    let cache = TraceCache::builder()
        .min_size(50)
        .memory_bytes(40_000)
        .in_memory();
    for size in 60..100 {
        run(&cache, &models::random_block(size, 3, 1).unwrap());
        assert!(cache.memory_bytes() <= 40_000);
    }
    assert!(cache.len() < 20);
    assert!(
        run(&cache, &models::random_block(99, 3, 1).unwrap())
            .report
            .graph_hit
    );
    assert!(
        !run(&cache, &models::random_block(60, 3, 1).unwrap())
            .report
            .graph_hit
    );
    // A bound that nothing fits in keeps nothing, and the answers are the same.
    let none = TraceCache::builder()
        .min_size(50)
        .memory_bytes(0)
        .in_memory();
    run(&none, &graph());
    assert_eq!(run(&none, &graph()).report.cache_hits, 0);
    assert!(none.is_empty());
}

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

#[test]
fn a_folder_that_goes_away_or_cannot_be_written_degrades_to_computing() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("cache");
    let cache = TraceCache::builder()
        .min_size(50)
        .memory_bytes(0)
        .open(&folder)
        .unwrap();
    run(&cache, &graph());
    assert_eq!(run(&cache, &graph()).report.cache_hits, 3);
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(run(&cache, &graph()).report.cache_hits, 0);
    // It is back, and whole.
    assert_eq!(run(&cache, &graph()).report.cache_hits, 3);
    // A file where the folder was: every read and write fails.
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "in the way").unwrap();
    for _ in 0..2 {
        let report = run(&cache, &graph()).report;
        assert_eq!((report.cache_hits, report.cache.failed_writes), (0, 4));
    }
    assert!(TraceCache::open(&folder).is_err());
    assert!(TraceCache::open("").is_err());
}

#[test]
fn the_folder_stays_within_its_bound() {
    let folder = tempfile::tempdir().unwrap();
    let bound = 60_000;
    let cache = TraceCache::builder()
        .min_size(50)
        .max_bytes(bound)
        .memory_bytes(0)
        .open(folder.path())
        .unwrap();
    for size in 60..90 {
        run(&cache, &models::random_block(size, 3, 1).unwrap());
        let total: u64 = cache.entries().iter().map(|entry| entry.bytes).sum();
        // Writes of more than a 32nd of the bound always look.
        assert!(total <= bound, "{total}");
    }
    assert!(cache.entries().len() > 3);
    let last = run(&cache, &models::random_block(89, 3, 1).unwrap()).report;
    assert!(last.graph_hit && last.host_calls == 0);
}

#[test]
fn entries_are_carried_to_another_folder_by_name_and_content() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let source = reopened(here.path());
    run(&source, &graph());
    let target = reopened(there.path());
    for entry in source.entries() {
        let bytes = fs::read(&entry.path).unwrap();
        target.import(&entry.name, &bytes[..]).unwrap();
        assert!(target.import("../../escape.block", &bytes[..]).is_err());
        assert!(target.import(&entry.name, &bytes[1..]).is_err());
    }
    assert_eq!(run(&reopened(there.path()), &graph()).report.host_calls, 0);
    assert!(TraceCache::in_memory().import("x", &b""[..]).is_err());
    let removed = target.clear().unwrap();
    assert_eq!((removed.entries, files(there.path()).len()), (4, 0));
}

/// A file last changed two hours ago.
fn old_file(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "of somebody else").unwrap();
    let before = SystemTime::now() - Duration::from_secs(7200);
    let file = fs::File::options().append(true).open(path).unwrap();
    file.set_modified(before).unwrap();
}

/// Opens a cache and has everything removed that it removes.
fn remove_all(folder: &Path) -> Result<(), CacheError> {
    let cache = TraceCache::builder()
        .min_size(50)
        .max_bytes(1)
        .temporary_age(Duration::ZERO)
        .open(folder)
        .unwrap();
    run(&cache, &graph());
    let outcome = cache
        .prune(Some(0), Some(Duration::ZERO))
        .and_then(|_| cache.clear());
    outcome.map(|_| assert!(cache.entries().is_empty()))
}

#[test]
fn files_of_others_stay_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let strangers = [
        "tmp/thesis.txt",
        "tmp/.elimap-old.tmp",
        "notes.txt",
        "3f/not-an-entry",
        "3f/.elimap-abc.tmp",
        ".elimap-notes",
    ]
    .map(|name| folder.path().join(name));
    // An entry's name, but not where that entry belongs.
    let misplaced = folder.path().join(format!("3f/{}.block", "0".repeat(64)));
    strangers
        .iter()
        .chain([&misplaced])
        .for_each(|path| old_file(path));
    let empty = folder.path().join("cd");
    fs::create_dir(&empty).unwrap();
    match remove_all(folder.path()) {
        Err(CacheError::Shared { path, found }) => {
            assert_eq!(path, folder.path());
            assert!(found == "notes.txt" || found == ".elimap-notes", "{found}");
        }
        outcome => panic!("{outcome:?}"),
    }
    // Nobody tagged it, so backups do not leave it out, and not even old entries went.
    assert!(!folder.path().join("CACHEDIR.TAG").exists());
    assert_eq!(reopened(folder.path()).entries().len(), 4);
    // Without the files that stand in the way it is a cache's folder; what is none of the cache's stays all the same.
    let (top, deeper): (Vec<_>, Vec<_>) = strangers
        .iter()
        .partition(|path| path.parent() == Some(folder.path()));
    top.into_iter()
        .for_each(|path| fs::remove_file(path).unwrap());
    remove_all(folder.path()).unwrap();
    for path in deeper.into_iter().chain([&misplaced]) {
        assert_eq!(fs::read_to_string(path).unwrap(), "of somebody else");
    }
    assert!(empty.is_dir());
    assert!(folder.path().join("CACHEDIR.TAG").is_file());
}

#[test]
fn only_old_temporaries_of_the_cache_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    run(&reopened(folder.path()), &graph());
    let (old, young) = (".elimap-a.tmp", ".elimap-b.tmp");
    old_file(&folder.path().join(old));
    fs::write(folder.path().join(young), "half").unwrap();
    assert_eq!(reopened(folder.path()).clear().unwrap().entries, 4);
    assert_eq!(files(folder.path()), [folder.path().join(young)]);
}

#[cfg(unix)]
#[test]
fn nothing_is_removed_through_a_symbolic_link() {
    use std::os::unix::fs::symlink;
    let (folder, victim) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    run(&reopened(folder.path()), &graph());
    let own = files(folder.path());
    let name = own[0].file_name().unwrap().to_str().unwrap();
    // A folder of entries elsewhere, under the name that it would have here.
    let elsewhere = victim.path().join("entries");
    let prefix = own[0].parent().unwrap();
    fs::rename(prefix, &elsewhere).unwrap();
    symlink(&elsewhere, prefix).unwrap();
    let planted = victim.path().join(".elimap-a.tmp");
    old_file(&planted);
    symlink(victim.path(), folder.path().join("tmp")).unwrap();
    symlink(&planted, folder.path().join(".elimap-b.tmp")).unwrap();
    remove_all(folder.path()).unwrap();
    assert!(elsewhere.join(name).is_file());
    assert!(planted.is_file());
    // Nothing was written there either.
    assert_eq!(files(&elsewhere).len(), 1);
}

#[test]
fn a_tag_that_somebody_else_wrote_allows_no_removal() {
    let folder = tempfile::tempdir().unwrap();
    run(&reopened(folder.path()), &graph());
    let tag = folder.path().join("CACHEDIR.TAG");
    let text = fs::read_to_string(&tag).unwrap();
    let signature = "Signature: 8a477f597d28d172789f06886806bc55\n";
    assert!(text.starts_with(signature), "{text}");
    fs::write(&tag, signature).unwrap();
    let refused = remove_all(folder.path()).unwrap_err();
    assert!(refused.to_string().contains("CACHEDIR.TAG"), "{refused}");
    assert_eq!(reopened(folder.path()).entries().len(), 4);
    assert_eq!(fs::read_to_string(&tag).unwrap(), signature);
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

#[cfg(unix)]
#[test]
fn a_folder_that_strangers_can_write_is_refused() {
    use std::os::unix::fs::{PermissionsExt, chown};
    let folder = tempfile::tempdir().unwrap();
    run(&reopened(folder.path()), &graph());
    let set = |mode| fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
    set(0o777);
    let refused = TraceCache::open(folder.path()).unwrap_err();
    let expected = format!(
        "anybody may write in the cache folder `{}`",
        folder.path().display()
    );
    assert!(refused.to_string().starts_with(&expected), "{refused}");
    assert!(refused.to_string().contains("chmod o-w"), "{refused}");
    set(0o775);
    assert_eq!(run(&reopened(folder.path()), &graph()).report.host_calls, 0);
    // As /tmp: everybody's own entries are believed.
    set(0o1777);
    assert_eq!(run(&reopened(folder.path()), &graph()).report.host_calls, 0);
    // Only root can give files away, and so play the stranger.
    if files(folder.path())
        .iter()
        .all(|path| chown(path, Some(54321), None).is_ok())
    {
        let report = run(&reopened(folder.path()), &graph()).report;
        assert_eq!((report.cache.damaged, report.cache_hits), (4, 0));
        set(0o755);
        chown(folder.path(), Some(54321), None).unwrap();
        set(0o1777);
        assert!(TraceCache::open(folder.path()).is_err());
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_the_cache_makes_is_not_writable_by_strangers() {
    use std::os::unix::fs::PermissionsExt;
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("a/b");
    run(&reopened(&folder), &graph());
    for made in [&folder, files(&folder)[0].parent().unwrap()] {
        let mode = fs::metadata(made).unwrap().permissions().mode();
        assert_eq!(mode & 0o002, 0, "{mode:o}");
    }
}
