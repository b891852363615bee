//! What `elimap cache` keeps, removes, exports and imports.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use elimap::phase::models;
use serde_json::Value;

use super::{Place, files, json, run, stderr};

#[test]
fn every_command_that_records_keeps_traces() {
    let place = Place::new(models::block_chain(4, 60, 3, 2, 7).unwrap());
    let model = place.text("model.json");
    let off = place.moments(Path::new("none"));
    assert!(off.status.success());
    assert!(!place.cache().exists());
    let cold = place.moments(&place.cache());
    assert_eq!(files(&place.cache()), 3);
    let warm = place.moments(&place.cache());
    assert_eq!((&cold.stdout, &warm.stdout), (&off.stdout, &off.stdout));
    let trace = json(&["trace", &model], &place.cache());
    assert_eq!(
        (&trace["graph_hit"], &trace["host_calls"]),
        (&true.into(), &0.into())
    );
    assert_eq!(trace["cache"]["disk"]["hits"], 3);
    // The argument goes before the variable.
    let other = place.text("other");
    json(
        &[
            "trace",
            &model,
            "--cache",
            &other,
            "--cache-min-size",
            "500",
        ],
        &place.cache(),
    );
    assert!(!place.path("other").exists());
    json(&["trace", &model, "--cache", &other], &place.cache());
    assert_eq!(files(Path::new(&other)), 3);
    let none = json(&["trace", &model, "--cache", "none"], &place.cache());
    assert_eq!(none["graph_hit"], false);
    let refused = run(&["trace", &model, "--cache", &model], &place.cache());
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("not a folder"), "{refused:?}");
}

#[test]
fn the_folder_is_looked_after() {
    let place = Place::new(models::block_chain(4, 60, 3, 2, 7).unwrap());
    let cache = place.cache();
    place.moments(&cache);
    let info = json(&["cache", "info"], &cache);
    assert_eq!(
        (&info["block_entries"], &info["graph_entries"]),
        (&2.into(), &1.into())
    );
    assert_eq!(info["folder"], cache.to_str().unwrap());
    let list = json(&["cache", "list"], &cache);
    let sizes = list["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["bytes"].as_u64().unwrap());
    assert_eq!(sizes.sum::<u64>(), info["bytes"].as_u64().unwrap());
    assert_eq!(json(&["cache", "verify"], &cache)["entries"], 3);
    let text = run(&["cache", "list"], &cache);
    assert_eq!(String::from_utf8(text.stdout).unwrap().lines().count(), 3);

    // Damage one.
    let name = list["entries"][0]["name"].as_str().unwrap();
    let path = cache.join(&name[..2]).join(name);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let verify = run(&["cache", "verify", "--json"], &cache);
    assert_eq!(verify.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&verify.stdout).unwrap();
    assert_eq!(report["faults"][0]["path"], path.to_str().unwrap());
    let repaired = place.moments(&cache);
    assert_eq!(repaired.stdout, place.moments(Path::new("none")).stdout);
    assert!(
        stderr(&repaired).contains("ignoring the cache entry"),
        "{repaired:?}"
    );
    assert_eq!(fs::read(&path).unwrap(), whole);

    // Carry all to another folder.
    let archive = place.text("traces.tar.gz");
    assert_eq!(
        json(&["cache", "export", &archive], &cache)["exported_entries"],
        3
    );
    let there = place.path("there");
    assert_eq!(
        json(&["cache", "import", &archive], &there)["imported_entries"],
        3
    );
    let model = place.text("model.json");
    assert_eq!(json(&["trace", &model], &there)["host_calls"], 0);
    fs::write(place.path("no.tar.gz"), "no archive").unwrap();
    assert_eq!(
        run(&["cache", "import", &place.text("no.tar.gz")], &there)
            .status
            .code(),
        Some(1)
    );

    // Remove.
    assert_eq!(run(&["cache", "prune"], &cache).status.code(), Some(1));
    let young = json(&["cache", "prune", "--max-age", "1h"], &cache);
    assert_eq!(young["removed_entries"], 0);
    let half = (info["bytes"].as_u64().unwrap() / 2).to_string();
    let pruned = json(&["cache", "prune", "--max-size", &half], &cache);
    assert!(pruned["removed_entries"].as_u64().unwrap() >= 1);
    assert_eq!(json(&["cache", "clear"], &there)["removed_entries"], 3);
    assert_eq!(files(&there), 0);
    let off = run(&["cache", "info"], Path::new("none"));
    assert_eq!(off.status.code(), Some(1));
    assert!(stderr(&off).contains("the cache is off"));
}

#[test]
fn no_command_removes_what_is_not_the_caches() {
    let place = Place::new(models::block_chain(4, 60, 3, 2, 7).unwrap());
    let (cache, model) = (place.cache(), place.text("model.json"));
    fs::create_dir_all(cache.join("tmp")).unwrap();
    let (thesis, notes) = (cache.join("tmp/thesis.txt"), cache.join("notes.txt"));
    for path in [&thesis, &notes] {
        fs::write(path, "of somebody else").unwrap();
        let file = fs::File::options().append(true).open(path).unwrap();
        let before = std::time::SystemTime::now() - Duration::from_secs(7200);
        file.set_modified(before).unwrap();
    }
    json(&["cache", "info"], &cache);
    json(&["trace", &model], &cache);
    for verb in [&["clear"][..], &["prune", "--max-size", "0"]] {
        let refused = run(&[&["cache"], verb].concat(), &cache);
        assert_eq!(refused.status.code(), Some(1));
        let text = stderr(&refused);
        assert!(
            text.contains("notes.txt") && text.contains("a folder of its own"),
            "{text}"
        );
    }
    fs::remove_file(&notes).unwrap();
    assert_eq!(json(&["cache", "clear"], &cache)["removed_entries"], 3);
    assert_eq!(fs::read_to_string(&thesis).unwrap(), "of somebody else");
}

#[test]
fn archives_from_elsewhere_are_not_believed() {
    let place = Place::new(models::islands(4).unwrap());
    let (cache, model) = (place.cache(), place.text("model.json"));
    let small = ["--cache-min-size", "2"];
    let moments = |cache: &Path| {
        let args = ["moments", &model, "--theta", "1,1,0.5"];
        run(&[&args[..], &small].concat(), cache)
    };
    let right = moments(Path::new("none")).stdout;
    // Plans with a right name, key and checksum, that make answers wrong.
    for name in ["crafted-plan-1", "crafted-plan-2"] {
        let archive = format!("tests/data/cache/{name}.tar.gz");
        let refused = run(&["cache", "import", &archive], &cache);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert!(stderr(&refused).contains("1 entries were not taken over"));
        assert_eq!(moments(&cache).stdout, right);
    }
    assert_eq!(
        json(&["cache", "verify"], &cache)["faults"],
        serde_json::json!([])
    );
}

/// An archive of one member.
fn archive_of(kind: tar::EntryType, name: &str, size: u64, content: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_path(name).unwrap();
    header.set_size(content.len() as u64);
    if kind == tar::EntryType::GNUSparse {
        header.as_gnu_mut().unwrap().set_real_size(size);
    }
    header.set_mode(0o644);
    header.set_cksum();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(header.as_bytes()).unwrap();
    gzip.write_all(content).unwrap();
    gzip.write_all(&vec![
        0;
        content.len().next_multiple_of(512) - content.len()
            + 1024
    ])
    .unwrap();
    gzip.finish().unwrap()
}

#[test]
fn members_that_are_no_regular_files_are_refused() {
    let place = Place::new(models::islands(4).unwrap());
    let name = format!("{}.block", "0".repeat(64));
    for (kind, size) in [
        // Six gigabytes that take no room in the archive.
        (tar::EntryType::GNUSparse, 6 << 30),
        (tar::EntryType::Symlink, 0),
        (tar::EntryType::Fifo, 0),
        (tar::EntryType::GNULongName, 0),
    ] {
        let archive = archive_of(kind, &name, size, b"");
        fs::write(place.path("odd.tgz"), archive).unwrap();
        let refused = run(&["cache", "import", &place.text("odd.tgz")], &place.cache());
        assert_eq!(refused.status.code(), Some(1));
        assert!(
            stderr(&refused).contains("is no regular file"),
            "{refused:?}"
        );
    }
    let archive = archive_of(tar::EntryType::Regular, &name, 0, &[0; 4096]);
    fs::write(place.path("odd.tgz"), archive).unwrap();
    let refused = run(&["cache", "import", &place.text("odd.tgz")], &place.cache());
    assert!(stderr(&refused).contains("no cache entry"), "{refused:?}");
}

#[test]
fn a_pipe_among_the_entries_does_not_hang() {
    let place = Place::new(models::block_chain(4, 60, 3, 2, 7).unwrap());
    let cache = place.cache();
    let expected = place.moments(&cache).stdout;
    let list = json(&["cache", "list"], &cache);
    let name = list["entries"][0]["name"].as_str().unwrap();
    let path = cache.join(&name[..2]).join(name);
    let plant = || {
        fs::remove_file(&path).unwrap();
        assert!(
            Command::new("mkfifo")
                .arg(&path)
                .status()
                .unwrap()
                .success()
        );
    };
    plant();
    let verify = run(&["cache", "verify"], &cache);
    assert_eq!(verify.status.code(), Some(1));
    assert!(stderr(&verify).contains("1 of 3 entries"), "{verify:?}");
    let archive = place.text("traces.tar.gz");
    let exported = json(&["cache", "export", &archive], &cache);
    assert_eq!(exported["exported_entries"], 2);
    assert_eq!(place.moments(&cache).stdout, expected);
    assert_eq!(json(&["cache", "verify"], &cache)["entries"], 3);
}

#[test]
fn an_export_replaces_files_only() {
    let place = Place::new(models::block_chain(4, 60, 3, 2, 7).unwrap());
    let cache = place.cache();
    place.moments(&cache);
    let pipe = place.text("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let refused = run(&["cache", "export", &pipe], &cache);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("is not a regular file"),
        "{refused:?}"
    );
    let kind = fs::symlink_metadata(&pipe).unwrap().file_type();
    assert!(!kind.is_file() && !kind.is_dir());
    // What killed runs left beside it long ago goes; what is young or called otherwise stays.
    let place_of = |name: &str| place.path(name);
    let old = std::time::SystemTime::now() - Duration::from_secs(48 * 3600);
    for name in [
        ".elimap-old.tmp",
        ".elimap-old.txt",
        "old.tmp",
        ".elimap-young.tmp",
    ] {
        fs::write(place_of(name), "half").unwrap();
        if !name.contains("young") {
            let file = fs::File::options()
                .append(true)
                .open(place_of(name))
                .unwrap();
            file.set_modified(old).unwrap();
        }
    }
    json(&["cache", "export", &place.text("traces.tgz")], &cache);
    assert!(!place_of(".elimap-old.tmp").exists());
    for name in [
        ".elimap-old.txt",
        "old.tmp",
        ".elimap-young.tmp",
        "traces.tgz",
    ] {
        assert!(place_of(name).exists(), "{name}");
    }
}
