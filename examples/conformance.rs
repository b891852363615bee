//! Runs conformance cases through the public API and compares with the recorded answers.
//!
//!     cargo run --release --example conformance -- CASES.json [--out RESULTS.json]

#[path = "../tests/conformance/case.rs"]
mod case;
#[path = "../tests/conformance/compare.rs"]
mod compare;
#[path = "../tests/conformance/host.rs"]
mod host;
#[path = "../tests/conformance/interp.rs"]
mod interp;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let (mut cases, mut out) = (None, None);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--out" => out = args.next(),
            "--help" | "-h" => {
                println!("usage: conformance CASES.json [--out RESULTS.json]");
                return ExitCode::SUCCESS;
            }
            _ => cases = Some(arg),
        }
    }
    let Some(path) = cases else {
        eprintln!("usage: conformance CASES.json [--out RESULTS.json]");
        return ExitCode::from(2);
    };
    match run(&path, out.as_deref()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn run(path: &str, out: Option<&str>) -> Result<usize, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))?;
    let cases = case::read(&text).map_err(|e| format!("{path}: {e}"))?;
    let mut results = Vec::with_capacity(cases.len());
    let (mut failed, mut fewer) = (0, 0);
    for case in &cases {
        let outcome = compare::run(case);
        if outcome.fewer_calls {
            // Listed in COMPATIBILITY.md: compiled code of the reference found a call unnecessary.
            fewer += 1;
            println!("{}: the reference makes fewer calls", case.id);
        } else if let Some(difference) = &outcome.difference {
            failed += 1;
            println!("{} differs: {difference}", case.id);
        }
        results.push(outcome.result);
    }
    if let Some(out) = out {
        let text = serde_json::to_string(&results).map_err(|e| format!("{out}: {e}"))?;
        std::fs::write(out, text).map_err(|e| format!("{out}: {e}"))?;
    }
    let passed = cases.len() - failed - fewer;
    println!("{passed} passed, {fewer} with fewer calls in the reference, {failed} failed");
    Ok(failed)
}
