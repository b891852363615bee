#![allow(clippy::unwrap_used)]

use std::io::Cursor;

use ndarray::array;
use proptest::prelude::*;

use super::*;

type Arrays = BTreeMap<String, Array>;

fn bytes(arrays: &[(&str, &Array)]) -> Vec<u8> {
    let mut out = Vec::new();
    Array::to_npz(&mut out, arrays.iter().copied()).unwrap();
    out
}

fn read(bytes: &[u8]) -> Result<Arrays, NpzError> {
    Array::from_npz(Cursor::new(bytes))
}

fn two() -> Vec<u8> {
    let x = Array::from(array![[1.5, -0.0], [f64::NAN, 4.0]]);
    bytes(&[("x", &x), ("seed", &Array::scalar(7_u32))])
}

/// Where a mark stands for the nth time.
fn nth(bytes: &[u8], mark: &[u8; 4], n: usize) -> usize {
    let places = bytes.windows(4).enumerate().filter(|(_, w)| w == mark);
    places.map(|(at, _)| at).nth(n).unwrap()
}

#[test]
fn numpys_archives_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/npz");
    for (name, count) in [("stored.npz", 5), ("deflated.npz", 6)] {
        let arrays = Array::read_npz(folder.join(name)).unwrap();
        assert_eq!(arrays.len(), count);
        assert_eq!(
            arrays["x"],
            Array::from(array![[0.0, 0.25, 0.5], [0.75, 1.0, 1.25]])
        );
        assert_eq!(arrays["seed"], Array::scalar(7_u32));
        assert_eq!(arrays["flags"], Array::from(array![true, false, true]));
        assert_eq!(arrays["columns"], Array::from(array![[0, 1, 2], [3, 4, 5]]));
        assert_eq!(arrays["empty"].shape(), [0, 4]);
        if let Some(zeros) = arrays.get("zeros") {
            assert_eq!(*zeros, Array::from(ndarray::Array1::<f64>::zeros(5000)));
        }
    }
}

#[test]
fn what_is_written_is_read() {
    let arrays = read(&two()).unwrap();
    assert_eq!(arrays.keys().collect::<Vec<_>>(), ["seed", "x"]);
    let x = arrays["x"].to_vec::<f64>().unwrap();
    let bits: Vec<u64> = x.iter().map(|x| x.to_bits()).collect();
    assert_eq!(bits, [1.5, -0.0, f64::NAN, 4.0].map(f64::to_bits));
    assert!(read(&bytes(&[])).unwrap().is_empty());
    let odd = bytes(&[("", &Array::scalar(1)), ("a/\u{e9} b", &Array::scalar(2))]);
    assert_eq!(read(&odd).unwrap()["a/\u{e9} b"], Array::scalar(2));
}

#[test]
fn names_are_checked() {
    let x = Array::scalar(1);
    let error = Array::to_npz(io::sink(), [("a", &x), ("a", &x)]).unwrap_err();
    assert!(matches!(error, NpzError::Repeated { name } if name == "a"));
    let long = "n".repeat(1 << 16);
    let error = Array::to_npz(io::sink(), [(long, &x)]).unwrap_err();
    assert!(
        matches!(error, NpzError::LongName { length: 65540 }),
        "{error}"
    );
}

#[test]
fn damage_is_named() {
    // An element, the checksum in the directory, the name of a member, both members of one name.
    let good = two();
    let mut element = good.clone();
    let at = nth(&good, b"PK\x03\x04", 1) - 1;
    element[at] ^= 1;
    let error = read(&element).unwrap_err().to_string();
    assert!(
        error.contains("`x.npy`") && error.contains("checksum"),
        "{error}"
    );

    let mut method = good.clone();
    method[nth(&good, b"PK\x01\x02", 0) + 10] = 12;
    let error = read(&method).unwrap_err().to_string();
    assert!(error.contains("method 12"), "{error}");

    let mut encrypted = good.clone();
    encrypted[nth(&good, b"PK\x01\x02", 0) + 8] |= 1;
    assert!(
        read(&encrypted)
            .unwrap_err()
            .to_string()
            .contains("encrypted")
    );

    let mut other = good.clone();
    other[nth(&good, b"PK\x01\x02", 0) + 46 + 4] = b'Y';
    let error = read(&other).unwrap_err();
    assert!(matches!(error, NpzError::Unsupported { name, .. } if name == "x.npY"));

    assert!(matches!(read(b"PK"), Err(NpzError::Archive { .. })));
    assert!(matches!(read(&[0; 100]), Err(NpzError::Archive { .. })));
    for length in 0..good.len() {
        assert!(read(&good[..length]).is_err(), "{length}");
    }
    let error = Array::read_npz("/nowhere/at/all.npz").unwrap_err();
    assert!(
        matches!(error, NpzError::File { source, .. } if matches!(*source, NpzError::Io { .. }))
    );
}

#[test]
fn claimed_sizes_are_not_believed() {
    let good = two();
    // A count of 2^63 entries, and a size of 2^62 bytes.
    let mut entries = good.clone();
    entries[nth(&good, b"PK\x06\x06", 0) + 39] = 0x80;
    let error = read(&entries).unwrap_err().to_string();
    assert!(error.contains("fewer entries"), "{error}");
    let mut size = good.clone();
    let field = nth(&good, b"PK\x01\x02", 0) + 46 + "x.npy".len() + 4;
    size[field + 7] = 0x40;
    size[field + 15] = 0x40;
    let error = read(&size).unwrap_err().to_string();
    assert!(error.contains("take more than"), "{error}");
}

#[test]
fn members_do_not_share_bytes() {
    // A thousand entries for one member of a megabyte.
    let x = Array::from(ndarray::Array1::<f64>::zeros(1 << 17));
    let one = bytes(&[("x", &x)]);
    let (from, to) = (nth(&one, b"PK\x01\x02", 0), nth(&one, b"PK\x06\x06", 0));
    let mut many = one[..from].to_vec();
    for _ in 0..1000 {
        many.extend(&one[from..to]);
    }
    let directory = (many.len() - from) as u64;
    let wide = many.len() as u64;
    many.extend(&one[to..]);
    let end = to + (wide as usize - to);
    for (at, number) in [
        (24, 1000),
        (32, 1000),
        (40, directory),
        (48, from as u64),
        (64, wide),
    ] {
        many[end + at..end + at + 8].copy_from_slice(&number.to_le_bytes());
    }
    let error = read(&many).unwrap_err().to_string();
    assert!(error.contains("take more than"), "{error}");
}

proptest! {
    #[test]
    fn any_bytes_are_an_error_or_arrays(edits in prop::collection::vec((0_usize..1000, any::<u8>()), 1..6)) {
        let mut bytes = two();
        for (at, byte) in edits {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        // What is read in spite of the damage has the bytes that were saved: only what no checksum covers was changed.
        if let Ok(arrays) = read(&bytes) {
            for array in arrays.values() {
                prop_assert!([1, 4].contains(&array.shape().iter().product::<usize>()));
            }
        }
    }
}
