#![allow(clippy::unwrap_used)]

use std::io::Read;

use super::*;

/// A file of version 1 with this dictionary and these elements.
fn file(dictionary: &str, elements: &[u8]) -> Vec<u8> {
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend((dictionary.len() as u16).to_le_bytes());
    out.extend(dictionary.as_bytes());
    out.extend(elements);
    out
}

fn header(dictionary: &str) -> Result<NpyHeader, NpyError> {
    NpyHeader::read(&mut &file(dictionary, &[])[..])
}

fn bytes(array: &Array) -> Vec<u8> {
    let mut out = Vec::new();
    array.to_npy(&mut out).unwrap();
    out
}

#[test]
fn a_file_is_byte_for_byte_what_numpy_writes() {
    let written = bytes(&Array::from(ndarray::array![[1.0, 2.0, 3.0]]));
    let mut expected = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    expected.extend(b"{'descr': '<f8', 'fortran_order': False, 'shape': (1, 3), }");
    expected.resize(127, b' ');
    expected.push(b'\n');
    for x in [1.0_f64, 2.0, 3.0] {
        expected.extend(x.to_le_bytes());
    }
    assert_eq!(written, expected);
    let scalar = bytes(&Array::scalar(true));
    assert!(
        scalar
            .windows(26)
            .any(|w| w == b"'descr': '|b1', 'fortran_o")
    );
    assert!(scalar.windows(13).any(|w| w == b"'shape': (), "));
    assert!(
        bytes(&Array::from(vec![1_u8]))
            .windows(4)
            .any(|w| w == b"(1,)")
    );
}

#[test]
fn every_element_type_and_shape_reads_back() {
    let arrays = [
        Array::scalar(-0.5_f64),
        Array::from(vec![true, false, true]),
        Array::from(vec![0_u8, 255]),
        Array::from(vec![u32::MAX, 1]),
        Array::from(vec![u64::MAX, 1 << 60]),
        Array::from(vec![i32::MIN, 5]),
        Array::from(vec![i64::MIN, i64::MAX]),
        Array::from(vec![f32::MIN_POSITIVE, f32::NAN, f32::INFINITY]),
        Array::from(ndarray::Array3::<f64>::zeros((2, 0, 3))),
        Array::from(ndarray::array![[[1.0, 2.0], [3.0, 4.0]]]).permute(&[2, 0, 1]),
        Array::from_elements(&[9000, 3], (0..27_000).map(f64::from).collect()),
    ];
    for array in arrays {
        let read = Array::from_npy(&bytes(&array)[..]).unwrap();
        assert!(read.identical(&array), "{array:?} {read:?}");
    }
}

#[test]
fn other_writers_files_are_read() {
    let big = [0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0];
    let read = |dictionary: &str, elements: &[u8]| Array::from_npy(&file(dictionary, elements)[..]);
    // Keys in any order, either quote, no spaces, Python 2's long integers, big-endian.
    let array = read(
        r#"{"shape":(2L,),"fortran_order":False,"descr":">f8"}"#,
        &big,
    )
    .unwrap();
    assert_eq!(array, Array::from(vec![1.0, -2.0]));
    let columns = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3)}";
    let array = read(columns, &[1, 2, 3, 4, 5, 6]).unwrap();
    assert_eq!(array, Array::from(ndarray::array![[1_u8, 3, 5], [2, 4, 6]]));
    let small = "{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }   \n";
    assert_eq!(
        read(small, &[0xff, 0xff, 1, 1]).unwrap(),
        Array::from(vec![-1_i16, 257])
    );
    let narrow = "{'descr': 'i1', 'fortran_order': False, 'shape': (1,)}";
    assert_eq!(read(narrow, &[0x80]).unwrap(), Array::from(vec![-128_i8]));
    // Versions 2 and 3 have a longer length; what follows the elements is left alone.
    for version in [2, 3] {
        let dictionary = "{'descr': '<u2', 'fortran_order': False, 'shape': (1,), }";
        let mut data = b"\x93NUMPY".to_vec();
        data.extend([version, 0]);
        data.extend((dictionary.len() as u32).to_le_bytes());
        data.extend(dictionary.as_bytes());
        data.extend([0xff, 0xff, 9]);
        let mut reader = &data[..];
        assert_eq!(
            Array::from_npy(&mut reader).unwrap(),
            Array::from(vec![65535_u16])
        );
        assert_eq!(reader, [9]);
    }
}

#[test]
fn damaged_files_are_refused_with_the_place() {
    let cases = [
        ("", "expected `{`, found its end"),
        (
            "{'descr': '<f8', 'fortran_order': False}",
            "the keys descr, fortran_order and shape",
        ),
        ("{'descr': '<f8', 'descr': '<f8'}", "each key once"),
        (
            "{'descr': '<f8', 'other': 1}",
            "the key descr, fortran_order or shape",
        ),
        ("{'shape': (1, -2)}", "an axis' length"),
        ("{'shape': (99999999999999999999999,)}", "an axis' length"),
        ("{'shape': (1 2)}", "expected `,`"),
        ("{'shape': 3}", "expected `(`"),
        ("{'fortran_order': 0}", "`True` or `False`"),
        ("{'descr': '<f8", "expected `'`"),
        (
            "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} x",
            "the end of the header",
        ),
    ];
    for (dictionary, detail) in cases {
        let error = header(dictionary).unwrap_err();
        assert!(matches!(error, NpyError::Header { .. }), "{error}");
        assert!(error.to_string().contains(detail), "{dictionary}: {error}");
    }
    for descr in ["'<c32'", "'<f16'", "'|O'", "''", "[('x', '<f8')]"] {
        let error = header(&format!("{{'descr': {descr}}}")).unwrap_err();
        assert!(matches!(error, NpyError::Type { .. }), "{descr}: {error}");
    }
    assert!(matches!(
        NpyHeader::read(&mut &b"\x93NUMPX\x01\x00"[..]),
        Err(NpyError::Magic)
    ));
    assert!(matches!(
        NpyHeader::read(&mut &b"\x93NUMPY\x04\x00"[..]),
        Err(NpyError::Version { major: 4, minor: 0 })
    ));
    let long = b"\x93NUMPY\x02\x00\xff\xff\xff\xff";
    assert!(matches!(
        NpyHeader::read(&mut &long[..]),
        Err(NpyError::Header { .. })
    ));
    assert!(matches!(
        NpyHeader::read(&mut &long[..7]),
        Err(NpyError::Header { .. })
    ));
}

/// Backtracking parsers need exponential time for these.
#[test]
fn nested_headers_are_refused_at_once() {
    let deep = format!(
        "{{'descr': {}'<f8'{}}}",
        "[('a',".repeat(3000),
        ")]".repeat(3000)
    );
    assert!(matches!(header(&deep), Err(NpyError::Type { .. })));
    let deep = format!("{{'shape': {}1{}}}", "(".repeat(9000), ",)".repeat(9000));
    assert!(matches!(header(&deep), Err(NpyError::Header { .. })));
}

#[test]
fn a_header_is_not_believed_before_the_elements_are_there() {
    let read = |shape: &str| {
        let dictionary = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}");
        Array::from_npy(&file(&dictionary, &[0; 20])[..]).unwrap_err()
    };
    assert!(matches!(
        read("(1000000000000,)"),
        NpyError::CutOff {
            found: 2,
            expected: 1_000_000_000_000
        }
    ));
    assert!(matches!(
        read("(4294967296, 4294967296)"),
        NpyError::TooLarge { .. }
    ));
    let endless = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 0)}";
    assert!(Array::from_npy(&file(endless, &[])[..]).unwrap().is_empty());
}

/// A reader that hands over one byte at a time.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = buffer.len().min(1);
        self.0.read(&mut buffer[..count])
    }
}

#[test]
fn slow_readers_lose_nothing() {
    let array = Array::from(vec![1.25, -3.0, 1e300]);
    assert_eq!(Array::from_npy(Trickle(&bytes(&array))).unwrap(), array);
}

#[test]
fn errors_of_files_name_the_file() {
    let error = Array::read_npy("no such folder/x.npy")
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("`no such folder/x.npy`: "), "{error}");
    let error = Array::scalar(1)
        .write_npy("no such folder/x.npy")
        .unwrap_err();
    assert!(matches!(error, NpyError::File { .. }));
}
