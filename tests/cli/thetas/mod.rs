//! `elimap` on files of thetas: what it reads, what it writes, what it says, and what it leaves behind when stopped.

mod answers;
mod refusals;
mod resources;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use elimap::phase::{Analysis, EliminationTrace, Graph};
use ndarray::Array2;
use tempfile::TempDir;

const ISLANDS: &str = "examples/models/island_4.json";

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_elimap"));
    command.env("ELIMAP_CACHE", "none");
    command
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null());
    command
}

fn elimap(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

fn stdout(args: &[&str]) -> String {
    let output = elimap(args);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn failure(args: &[&str]) -> String {
    let output = elimap(args);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn trace(path: &str) -> EliminationTrace {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    // As the program makes it, with vertices numbered by their place in a block.
    Analysis::new(&Graph::read(path).unwrap()).eliminate()
}

/// The bytes of an .npy file, version 1.0.
fn npy(descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let fortran = if fortran { "True" } else { "False" };
    let mut header =
        format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

/// The shape and values of an .npy file of float64 in C order.
fn read_npy(path: &Path) -> (String, Vec<f64>) {
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..10 + length]).unwrap();
    assert!(
        header.contains("'<f8'") && header.contains("False"),
        "{header}"
    );
    let shape = header[header.find('(').unwrap() + 1..header.find(')').unwrap()]
        .trim_end_matches([' ', ','])
        .to_owned();
    let values = bytes[10 + length..]
        .chunks(8)
        .map(|chunk| f64::from_le_bytes(chunk.try_into().unwrap()))
        .collect();
    (shape, values)
}

struct Files(TempDir);

impl Files {
    fn new() -> Files {
        Files(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        std::fs::write(self.path(name), bytes).unwrap();
        self.path(name).display().to_string()
    }

    fn thetas(&self, name: &str, thetas: &Array2<f64>) -> String {
        let data: Vec<u8> = thetas.iter().flat_map(|x| x.to_le_bytes()).collect();
        let shape = format!("({}, {})", thetas.nrows(), thetas.ncols());
        self.write(name, &npy("<f8", false, &shape, &data))
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

fn many(rows: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, 3), |(row, p)| {
        0.25 + ((row * 31 + p * 17) % 1009) as f64 / 512.0
    })
}
