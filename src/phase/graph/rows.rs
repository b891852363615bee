//! Rows of numbers out of JSON text, which are nearly all of a graph's file.
//!
//! The scanner takes the numbers as they come and gives up at whatever it does not expect; then the whole text goes through
//! `serde_json`, which says what is wrong and where. So the scanner needs no errors, and decides nothing about what is accepted.
//! A number of up to 19 digits whose value and power of ten are exact is one rounding away from its double (Clinger 1990, *How to
//! read floating point numbers accurately*); every other one is read by the standard library.
//!
//! Nearly all numbers of a graph are integers and decimals of a few digits, followed by a comma or a bracket. Those are read
//! eight bytes at a time, the digits in one word ([`Digits`]); whatever has another form goes the way above.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

/// Rows of numbers of any length, flattened.
#[derive(Debug, Default)]
pub(super) struct Rows {
    ends: Vec<usize>,
    numbers: Vec<f64>,
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &[f64])> {
        (0..self.ends.len()).map(|row| (row, self.row(row)))
    }

    pub(super) fn row(&self, row: usize) -> &[f64] {
        let first = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.numbers[first..self.ends[row]]
    }

    /// The numbers of all rows, one row after the other.
    pub(super) fn numbers(&self) -> &[f64] {
        &self.numbers
    }
}

/// Appends one row of numbers to a flat vector, so that rows cost no allocation of their own.
struct RowInto<'a>(&'a mut Vec<f64>);

impl<'de> serde::de::DeserializeSeed<'de> for RowInto<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RowInto<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row of numbers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut row: A) -> Result<(), A::Error> {
        while let Some(number) = row.next_element()? {
            self.0.push(number);
        }
        Ok(())
    }
}

struct RowsVisitor;

impl<'de> Visitor<'de> for RowsVisitor {
    type Value = Rows;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of rows of numbers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Rows, A::Error> {
        let mut rows = Rows::default();
        while sequence
            .next_element_seed(RowInto(&mut rows.numbers))?
            .is_some()
        {
            rows.ends.push(rows.numbers.len());
        }
        Ok(rows)
    }
}

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(RowsVisitor)
    }
}

/// The powers of ten that are exact.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Digits that an integer of 64 bits has room for.
const DIGITS: usize = 19;

/// The digits at the front of eight bytes of text.
struct Digits {
    /// How many there are; eight if all bytes are digits, and then more may follow.
    count: usize,
    value: u64,
    /// The first of them.
    first: u8,
}

impl Digits {
    #[inline(always)]
    fn new(text: [u8; 8]) -> Self {
        const ONES: u64 = 0x0101_0101_0101_0101;
        // A byte is its digit, or else more than 9.
        let digits = u64::from_le_bytes(text) ^ (ONES * 0x30);
        // What is added sets the highest bit of a byte above 9; what it carries goes behind the first such byte.
        let others = (digits.wrapping_add(ONES * 0x76) | digits) & (ONES * 0x80);
        let count = others.trailing_zeros() as usize / 8;
        // Zeros take the place of what is not wanted, in front of the digits.
        let value = match count {
            0 => 0,
            _ => digits << (64 - 8 * count),
        };
        // Pairs of digits, then fours, then all eight.
        let value = (value.wrapping_mul(10) + (value >> 8)) & 0x00ff_00ff_00ff_00ff;
        let value = (value.wrapping_mul(100) + (value >> 16)) & 0x0000_ffff_0000_ffff;
        let value = (value.wrapping_mul(10_000) + (value >> 32)) & 0xffff_ffff;
        Self {
            count,
            value,
            first: digits as u8,
        }
    }
}

/// A number of up to seven digits, which a point and up to seven more may follow, if a comma or a bracket comes next; and how
/// many bytes it takes.
#[inline(always)]
fn short_number(text: &[u8]) -> Option<(f64, usize)> {
    let is_end = |byte: u8| byte == b',' || byte == b']';
    let whole = Digits::new(*text.first_chunk()?);
    // JSON has no leading zeros, and no number without digits.
    if whole.count == 0 || whole.count == 8 || whole.first == 0 && whole.count > 1 {
        return None;
    }
    let next = text[whole.count];
    if is_end(next) {
        return Some((whole.value as f64, whole.count));
    }
    let begin = whole.count + 1;
    let fraction = Digits::new(*text[begin..].first_chunk()?);
    let length = begin + fraction.count;
    if next != b'.' || fraction.count == 0 || fraction.count == 8 || !is_end(text[length]) {
        return None;
    }
    let value = match fraction.value {
        0 => whole.value as f64,
        fraction_value => {
            // At most 14 digits over a power of ten that is exact.
            let scale = POWERS[fraction.count];
            (whole.value as f64 * scale + fraction_value as f64) / scale
        }
    };
    Some((value, length))
}

/// A place in JSON text. Every method gives `None` where it meets what it does not expect.
pub(super) struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.get(self.at)? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                &other => return Some(other),
            }
        }
    }

    /// Takes this byte, after white space.
    pub(super) fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Whether nothing is left but white space.
    pub(super) fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// What follows, and a way to say how much of it was taken.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        let _ = self.peek();
        &self.text[self.at..]
    }

    pub(super) fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// A key without escapes, and the colon after it.
    pub(super) fn key(&mut self) -> Option<&'a str> {
        self.take(b'"')?;
        let rest = &self.text[self.at..];
        let length = rest.iter().position(|&byte| byte == b'"')?;
        let key = &rest[..length];
        let is_plain = |&byte: &u8| byte.is_ascii_lowercase() || byte == b'_';
        if !key.iter().all(is_plain) {
            return None;
        }
        self.at += length + 1;
        self.take(b':')?;
        std::str::from_utf8(key).ok()
    }

    /// What follows an element: true for another one, false for the end.
    pub(super) fn another(&mut self, end: u8) -> Option<bool> {
        match self.peek()? {
            b',' => {
                self.at += 1;
                Some(true)
            }
            byte if byte == end => {
                self.at += 1;
                Some(false)
            }
            _ => None,
        }
    }

    /// A row of numbers, appended.
    pub(super) fn numbers(&mut self, into: &mut Vec<f64>) -> Option<()> {
        self.take(b'[')?;
        if self.peek()? == b']' {
            self.at += 1;
            return Some(());
        }
        loop {
            self.peek()?;
            let number = match short_number(&self.text[self.at..]) {
                Some((number, length)) => {
                    self.at += length;
                    number
                }
                None => self.number()?,
            };
            into.push(number);
            if !self.another(b']')? {
                return Some(());
            }
        }
    }

    /// Rows of numbers.
    pub(super) fn rows(&mut self) -> Option<Rows> {
        let mut rows = Rows::default();
        self.take(b'[')?;
        if self.peek()? == b']' {
            self.at += 1;
            return Some(rows);
        }
        loop {
            self.numbers(&mut rows.numbers)?;
            rows.ends.push(rows.numbers.len());
            if !self.another(b']')? {
                return Some(rows);
            }
        }
    }

    /// Takes digits, into a number as long as it has room; how many there were.
    fn digits(&mut self, value: &mut u64) -> usize {
        let first = self.at;
        while let Some(digit @ b'0'..=b'9') = self.text.get(self.at) {
            *value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        self.at - first
    }

    fn number(&mut self) -> Option<f64> {
        let is_negative = self.peek()? == b'-';
        let first = self.at;
        self.at += usize::from(is_negative);
        let (begin, mut value) = (self.at, 0);
        let mut count = self.digits(&mut value);
        // JSON has no leading zeros.
        if count == 0 || count > 1 && self.text[begin] == b'0' {
            return None;
        }
        let mut power = 0;
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            let fraction = self.digits(&mut value);
            if fraction == 0 {
                return None;
            }
            count += fraction;
            power = -i32::try_from(fraction).ok()?;
        }
        if let Some(b'e' | b'E') = self.text.get(self.at) {
            self.at += 1;
            let down = match self.text.get(self.at)? {
                b'-' => true,
                b'+' => false,
                _ => {
                    self.at -= 1;
                    false
                }
            };
            self.at += 1;
            let mut exponent = 0;
            let digits = self.digits(&mut exponent);
            if digits == 0 {
                return None;
            }
            // More digits than these are for the standard library.
            count = if digits > 4 { usize::MAX } else { count };
            let exponent = exponent as i32;
            power = power.wrapping_add(if down { -exponent } else { exponent });
        }
        let is_exact = count <= DIGITS && value <= 1 << f64::MANTISSA_DIGITS && power.abs() <= 22;
        if !is_exact {
            let text = std::str::from_utf8(&self.text[first..self.at]).ok()?;
            return text.parse().ok().filter(|number: &f64| number.is_finite());
        }
        let scale = POWERS[power.unsigned_abs() as usize];
        let size = match power < 0 {
            true => value as f64 / scale,
            false => value as f64 * scale,
        };
        Some(if is_negative { -size } else { size })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Scanner;

    fn numbers(text: &str) -> Option<Vec<f64>> {
        let (mut scanner, mut found) = (Scanner::new(text.as_bytes()), Vec::new());
        scanner.numbers(&mut found)?;
        scanner.is_at_end().then_some(found)
    }

    #[test]
    fn numbers_are_those_of_json() {
        let text =
            " [ 0, -0, 1.5,\n-2e3, 1E+2, 12345678901234567890, 0.1, 1e-300, 4.9e-324, 1e22 ] ";
        let expected = [
            0.0,
            -0.0,
            1.5,
            -2e3,
            1e2,
            12_345_678_901_234_567_890.0,
            0.1,
            1e-300,
            4.9e-324,
            1e22,
        ];
        let found = numbers(text).unwrap();
        let bits = |numbers: &[f64]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&found), bits(&expected));
        assert_eq!(numbers("[]"), Some(vec![]));
        for wrong in [
            "[01]", "[1.]", "[.5]", "[+1]", "[1e]", "[1e+]", "[-]", "[1,]", "[,1]", "[1 2]", "[1",
            "1]", "[1e999]", "[NaN]", "[1]x", "[\"1\"]", "[null]", "",
        ] {
            assert_eq!(numbers(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn rows_and_keys() {
        let text = br#" "states" : [[1, 2], [], [3]] "#;
        let mut scanner = Scanner::new(text);
        assert_eq!(scanner.key(), Some("states"));
        let rows = scanner.rows().unwrap();
        assert!(scanner.is_at_end());
        let rows: Vec<&[f64]> = rows.iter().map(|(_, row)| row).collect();
        assert_eq!(rows, [&[1.0, 2.0][..], &[], &[3.0]]);
        assert_eq!(Scanner::new(br#""a\u0062": 1"#).key(), None);
    }

    proptest! {
        #[test]
        fn every_number_has_the_bits_that_the_standard_library_gives_it(bits: u64, digits in "-?[1-9][0-9]{0,25}\\.[0-9]{1,25}", power in -330i32..330) {
            let number = f64::from_bits(bits);
            let mut texts = vec![digits.clone(), format!("{digits}e{power}")];
            if number.is_finite() {
                texts.extend([format!("{number:e}"), format!("{number}")]);
            }
            for text in texts {
                let expected: f64 = text.parse().unwrap();
                let found = numbers(&format!("[{text}]"));
                let expected = expected.is_finite().then_some(expected.to_bits());
                prop_assert_eq!(found.map(|found| found[0].to_bits()), expected, "{}", text);
            }
        }
    }
}
