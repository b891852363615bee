//! Work planned on one machine and computed on others.

use std::fs;
use std::path::Path;
use std::process::Command;

use elimap::phase::{Manifest, models};

use super::{Place, chain, files, json, run, stderr};

#[test]
fn units_are_planned_computed_elsewhere_and_found() {
    let place = Place::new(chain());
    let (model, units, cache) = (place.text("model.json"), place.text("units"), place.cache());
    let plan = json(&["plan", &model, "--out", &units, "--shards", "3"], &cache);
    assert_eq!((&plan["units"], &plan["cached"]), (&40.into(), &0.into()));
    assert_eq!(files(Path::new(&units)), 41);
    let first = json(&["work", &units, "--shard", "0"], &cache);
    let count = first["computed"].as_u64().unwrap();
    assert!((10..18).contains(&count), "{first}");
    // Again, it is all there.
    let again = json(&["work", &units, "--shard", "0"], &cache);
    assert_eq!(
        (&again["computed"], &again["skipped"]),
        (&0.into(), &count.into())
    );
    // A plan made now has the rest only.
    let rest = json(&["plan", &model, "--out", &place.text("rest")], &cache);
    assert_eq!(
        (&rest["units"], &rest["cached"]),
        (&(40 - count).into(), &count.into())
    );
    json(&["work", &units, "--shard", "1"], &cache);
    json(&["work", &units, "--shard", "2"], &cache);
    let trace = json(&["trace", &model], &cache);
    assert_eq!(
        (&trace["host_calls"], &trace["cache_hits"]),
        (&0.into(), &40.into())
    );
    assert_eq!(json(&["cache", "verify"], &cache)["entries"], 41);

    let missing = run(&["work", &units, "--shard", "3"], &cache);
    assert!(stderr(&missing).contains("no such shard"), "{missing:?}");
    let off = run(&["work", &units, "--cache", "none"], &cache);
    assert!(stderr(&off).contains("the cache is off"), "{off:?}");
    // A damaged unit is refused, by name.
    let text = fs::read_to_string(rest["manifest"].as_str().unwrap()).unwrap();
    let key = Manifest::from_json(&text).unwrap().shards()[0].units[0];
    let unit = place.path("rest").join(Manifest::unit_file(key));
    fs::write(
        &unit,
        fs::read_to_string(&unit).unwrap().replace("[[", "[[59,"),
    )
    .unwrap();
    let damaged = run(&["work", &place.text("rest")], &cache);
    assert_eq!(damaged.status.code(), Some(1));
    assert!(stderr(&damaged).contains(&key.to_string()), "{damaged:?}");
}

#[test]
fn models_planned_into_one_folder_are_all_computed() {
    let place = Place::new(models::block_chain(4, 60, 3, 4, 7).unwrap());
    let other = models::block_chain(3, 60, 3, 3, 8).unwrap();
    fs::write(place.path("other.json"), other.to_json()).unwrap();
    let (cache, units) = (place.cache(), place.text("units"));
    let plan = |model: &str, shards: &str| {
        let model = place.text(model);
        let args = ["plan", &model, "--out", &units, "--shards", shards];
        let plan = json(&args, &cache);
        (
            plan["units"].as_u64().unwrap(),
            plan["manifest"].as_str().unwrap().to_owned(),
        )
    };
    let (first, manifest) = plan("model.json", "2");
    let (second, _) = plan("other.json", "2");
    assert_eq!((first, second), (4, 3));
    // A shard of which plan?
    let unclear = run(&["work", &units, "--shard", "0"], &cache);
    assert_eq!(unclear.status.code(), Some(1));
    assert!(
        stderr(&unclear).contains("holds 2 plans; give one of them"),
        "{unclear:?}"
    );
    // Of the one that was planned first, whatever came after.
    let shards = ["0", "1"].map(|shard| json(&["work", &manifest, "--shard", shard], &cache));
    let computed = shards.map(|shard| shard["computed"].as_u64().unwrap());
    assert_eq!(computed.iter().sum::<u64>(), first);
    // Without a number, everything that was planned.
    let rest = json(&["work", &units], &cache);
    assert_eq!(
        (&rest["computed"], &rest["skipped"]),
        (&second.into(), &first.into())
    );
    for model in ["model.json", "other.json"] {
        let trace = json(&["trace", &place.text(model)], &cache);
        assert_eq!(trace["host_calls"], 0);
    }
    let empty = run(&["work", place.folder.path().to_str().unwrap()], &cache);
    assert!(stderr(&empty).contains("holds no manifest"), "{empty:?}");
}

#[test]
fn there_are_no_more_shards_than_units() {
    let place = Place::new(models::block_chain(4, 60, 3, 4, 7).unwrap());
    let (model, units) = (place.text("model.json"), place.text("units"));
    let args = ["plan", &model, "--out", &units, "--shards", "1000000000"];
    let plan = json(&args, &place.cache());
    assert_eq!(plan["shards"], 4);
    assert_eq!(plan["shard_costs"].as_array().unwrap().len(), 4);
}

#[test]
fn a_plan_can_be_run_by_colleagues() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new(models::block_chain(4, 60, 3, 4, 7).unwrap());
    let (model, units) = (place.text("model.json"), place.text("units"));
    let plan = Command::new("sh")
        .args(["-c", "umask 027; exec \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_elimap"))
        .args(["plan", &model, "--out", &units, "--cache-min-size", "50"])
        .env("ELIMAP_CACHE", "none")
        .status()
        .unwrap();
    assert!(plan.success());
    let mut seen = 0;
    for entry in fs::read_dir(&units).unwrap() {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        seen += 1;
    }
    assert_eq!(seen, 5);
}
