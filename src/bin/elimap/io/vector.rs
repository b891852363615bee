//! Lists of numbers on the command line, on stdin or in files: times and probabilities.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::error::ErrorKind;
use elimap::NpyHeader;

/// More numbers than this are not written out of a range.
const MOST: usize = 10_000_000;

/// Numbers as they were asked for: `1,2,3`, `0:10:101` for 101 of them from 0 to 10, a file, or `-` for stdin.
///
/// A file is .npy with one axis, a JSON list, or text with numbers between white space or commas, whose first line may be names.
pub(crate) fn numbers(text: &str) -> Result<Vec<f64>> {
    let parts: Vec<&str> = text.split(':').collect();
    if let [first, last, count] = parts[..]
        && let (Ok(first), Ok(last)) = (first.parse(), last.parse())
    {
        return range(first, last, count).with_context(|| format!("`{text}`"));
    }
    let list: Result<Vec<f64>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    if let Ok(list) = list {
        return Ok(list);
    }
    if text == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes)?;
        return parse(&bytes).context("stdin");
    }
    let words: Vec<&str> = text
        .split([' ', ';', '\t'])
        .filter(|word| !word.is_empty())
        .collect();
    if words.len() > 1
        && !Path::new(text).exists()
        && words.iter().all(|word| word.parse::<f64>().is_ok())
    {
        let message = format!("separate the numbers by commas: `{}`\n", words.join(","));
        return Err(clap::Error::raw(ErrorKind::ValueValidation, message).into());
    }
    ensure!(
        Path::new(text).exists(),
        "`{text}` is neither numbers such as 1,2,3 nor a range such as 0:10:101 nor a file"
    );
    if text.ends_with(".npy") {
        return npy(Path::new(text)).with_context(|| format!("`{text}`"));
    }
    let bytes = std::fs::read(text).with_context(|| format!("reading `{text}`"))?;
    parse(&bytes).with_context(|| format!("`{text}`"))
}

fn range(first: f64, last: f64, count: &str) -> Result<Vec<f64>> {
    let count: usize = match count.parse() {
        Ok(count) if (1..=MOST).contains(&count) => count,
        _ => bail!("a range FIRST:LAST:COUNT has from 1 to {MOST} numbers, not `{count}`"),
    };
    let steps = (count - 1).max(1) as f64;
    let at = |step: usize| match step + 1 == count && count > 1 {
        true => last,
        false => first + (last - first) * (step as f64 / steps),
    };
    Ok((0..count).map(at).collect())
}

fn npy(path: &Path) -> Result<Vec<f64>> {
    let mut reader = BufReader::new(File::open(path)?);
    let header = NpyHeader::read(&mut reader)?;
    let [length] = header.shape[..] else {
        bail!(
            "it has the shape {:?}, but a list of numbers has one axis; save x.ravel()",
            header.shape
        );
    };
    let mut values = Vec::new();
    header.dtype.read_f64(&mut reader, length, &mut values)?;
    ensure!(
        values.len() == length,
        "it was cut off after {} of {length} numbers; write it again",
        values.len()
    );
    Ok(values)
}

fn parse(bytes: &[u8]) -> Result<Vec<f64>> {
    let text = std::str::from_utf8(bytes).context("it is not text; give an .npy file that name")?;
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(text)
            .map_err(|e| anyhow!("it is no JSON list of numbers: {e}"));
    }
    let words_of = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| c.is_whitespace() || c == ',');
        let words = words.filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    };
    let is_number = |word: &String| word.parse::<f64>().is_ok();
    // A first line of names.
    let names = text.lines().next().map_or(Vec::new(), &words_of);
    let skipped = if names.iter().any(is_number) {
        0
    } else {
        names.len()
    };
    words_of(text)
        .into_iter()
        .skip(skipped)
        .enumerate()
        .map(|(place, word)| {
            let number = word.parse();
            number.map_err(|_| anyhow!("entry {place}: `{word}` is not a number"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::numbers;

    #[test]
    fn lists_and_ranges_are_told_apart() {
        assert_eq!(numbers("1,2.5,1e-3").unwrap(), [1.0, 2.5, 1e-3]);
        assert_eq!(numbers("0:1:5").unwrap(), [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(numbers("3:3:1").unwrap(), [3.0]);
        assert_eq!(numbers("0:0.3:4").unwrap()[3], 0.3);
        for (text, expected) in [
            ("0:1:0", "from 1 to"),
            ("0:1:x", "from 1 to"),
            ("1,two", "neither numbers"),
            ("", "neither numbers"),
            ("1 2.5", "separate the numbers by commas: `1,2.5`"),
        ] {
            let error = format!("{:#}", numbers(text).unwrap_err());
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
