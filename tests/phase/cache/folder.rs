//! The folder: what is written, what is removed, who may write.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use elimap::phase::{CacheError, TraceCache, models};

use super::{files, graph, reopened, run};

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
