//! Numbers out of JSON text, which are nearly all of a graph's file.
//!
//! The scanner takes what comes and gives up at whatever it does not expect; then the whole text goes through `serde_json`, which
//! says what is wrong and where. So the scanner needs no errors, and decides nothing about what is accepted. Text is read into a
//! window of fixed size as it is needed: clearing the pages for a whole file takes as long as scanning it.
//!
//! A number of up to 19 digits whose value and power of ten are exact is one rounding away from its double (Clinger 1990, *How to
//! read floating point numbers accurately*); every other one is read by the standard library. Nearly all numbers of a graph are
//! integers and decimals of a few digits, followed by a comma or a bracket. Those are read eight bytes at a time, the digits in
//! one word ([`Digits`]).

use std::io::Read;

use crate::phase::graph::header::is_integer;

/// The powers of ten that are exact.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Digits that an integer of 64 bits has room for.
const DIGITS: usize = 19;
/// How much text is in memory at a time.
const WINDOW: usize = 1 << 16;
/// A number and a key lie within so many bytes, or are not expected.
const LONGEST: usize = 512;

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

#[inline(always)]
fn is_end(byte: u8) -> bool {
    byte == b',' || byte == b']'
}

/// An integer of up to seven digits, if a comma or a bracket comes next; and how many bytes it takes.
#[inline(always)]
fn short_integer(text: &[u8]) -> Option<(u64, usize)> {
    let text: [u8; 8] = *text.first_chunk()?;
    let digit = text[0].wrapping_sub(b'0');
    if digit < 10 && is_end(text[1]) {
        return Some((u64::from(digit), 1));
    }
    let whole = Digits::new(text);
    // JSON has no leading zeros, and no number without digits.
    let is_short = whole.count > 1 && whole.count < 8 && whole.first != 0;
    (is_short && is_end(text[whole.count])).then_some((whole.value, whole.count))
}

/// A number of up to seven digits, which a point and up to seven more may follow, if a comma or a bracket comes next; and how
/// many bytes it takes.
#[inline(always)]
fn short_number(text: &[u8]) -> Option<(f64, usize)> {
    let front: [u8; 8] = *text.first_chunk()?;
    // The most frequent ones have one digit before the point, and the rest in the same word.
    let digit = front[0].wrapping_sub(b'0');
    if digit < 10 && front[1] == b'.' {
        if front[2] == b'0' && is_end(front[3]) {
            return Some((f64::from(digit), 3));
        }
        let [_, _, rest @ ..] = front;
        let [a, b, c, d, e, f] = rest;
        let fraction = Digits::new([a, b, c, d, e, f, 0, 0]);
        if (1..6).contains(&fraction.count) && is_end(front[2 + fraction.count]) {
            let value = decimal(u64::from(digit), &fraction);
            return Some((value, 2 + fraction.count));
        }
    }
    let whole = Digits::new(front);
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
    Some((decimal(whole.value, &fraction), length))
}

/// A number of at most seven digits before the point and after it: at most 14 over a power of ten, both exact.
#[inline(always)]
fn decimal(whole: u64, fraction: &Digits) -> f64 {
    match fraction.value {
        0 => whole as f64,
        value => {
            let scale = POWERS[fraction.count];
            (whole as f64 * scale + value as f64) / scale
        }
    }
}

/// A number of any form at the front of a text, and how many bytes it takes.
fn long_number(text: &[u8]) -> Option<(f64, usize)> {
    let mut at = 0;
    // Takes digits, into a number as long as it has room; how many there were.
    let digits = |at: &mut usize, value: &mut u64| {
        let first = *at;
        while let Some(digit @ b'0'..=b'9') = text.get(*at) {
            *value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            *at += 1;
        }
        *at - first
    };
    let is_negative = text.first() == Some(&b'-');
    at += usize::from(is_negative);
    let (begin, mut value) = (at, 0);
    let mut count = digits(&mut at, &mut value);
    // JSON has no leading zeros.
    if count == 0 || count > 1 && text[begin] == b'0' {
        return None;
    }
    let mut power = 0;
    if text.get(at) == Some(&b'.') {
        at += 1;
        let fraction = digits(&mut at, &mut value);
        if fraction == 0 {
            return None;
        }
        count += fraction;
        power = -i32::try_from(fraction).ok()?;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        at += 1;
        let down = text.get(at) == Some(&b'-');
        at += usize::from(matches!(text.get(at), Some(b'-' | b'+')));
        let mut exponent = 0;
        let digits = digits(&mut at, &mut exponent);
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
        let number = std::str::from_utf8(&text[..at]).ok()?;
        let number: f64 = number.parse().ok()?;
        return number.is_finite().then_some((number, at));
    }
    let scale = POWERS[power.unsigned_abs() as usize];
    let size = match power < 0 {
        true => value as f64 / scale,
        false => value as f64 * scale,
    };
    Some((if is_negative { -size } else { size }, at))
}

/// A place in JSON text. Every method gives `None` where it meets what it does not expect.
pub(super) struct Scanner<R> {
    source: R,
    window: Vec<u8>,
    at: usize,
    /// Whether the source has no more than what is in the window.
    is_whole: bool,
}

impl<R: Read> Scanner<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            window: Vec::new(),
            at: 0,
            is_whole: false,
        }
    }

    /// Drops the text behind, and reads until there are so many bytes ahead.
    #[cold]
    fn read(&mut self, ahead: usize) -> Option<()> {
        self.window.drain(..self.at);
        self.at = 0;
        let wanted = ahead.saturating_sub(self.window.len()) as u64;
        let mut part = self.source.by_ref().take(wanted);
        let found = part.read_to_end(&mut self.window).ok()?;
        self.is_whole = (found as u64) < wanted;
        Some(())
    }

    /// What lies ahead: as much as a number or a key takes, if there is so much.
    #[inline(always)]
    fn ahead(&mut self) -> Option<&[u8]> {
        if self.window.len() - self.at < LONGEST && !self.is_whole {
            self.read(WINDOW)?;
        }
        Some(&self.window[self.at..])
    }

    /// The next byte that is not white space.
    #[inline(always)]
    fn peek(&mut self) -> Option<u8> {
        loop {
            match *self.ahead()?.first()? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                other => return Some(other),
            }
        }
    }

    /// Takes this byte, after white space.
    #[inline(always)]
    pub(super) fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Takes this byte, after white space, if it is there.
    #[inline(always)]
    pub(super) fn took(&mut self, byte: u8) -> Option<bool> {
        let is_there = self.peek()? == byte;
        self.at += usize::from(is_there);
        Some(is_there)
    }

    /// Whether nothing is left but white space.
    pub(super) fn is_at_end(&mut self) -> bool {
        self.peek().is_none() && self.is_whole && self.at == self.window.len()
    }

    /// A key without escapes, and the colon after it.
    pub(super) fn key(&mut self) -> Option<String> {
        self.take(b'"')?;
        let ahead = self.ahead()?;
        let length = ahead.iter().position(|&byte| byte == b'"')?;
        let is_plain = |&byte: &u8| byte.is_ascii_lowercase() || byte == b'_';
        let key = &ahead[..length];
        if !key.iter().all(is_plain) {
            return None;
        }
        let key = String::from_utf8(key.to_vec()).ok()?;
        self.at += length + 1;
        self.take(b':')?;
        Some(key)
    }

    /// A value of any kind.
    pub(super) fn value(&mut self) -> Option<serde_json::Value> {
        let _ = self.peek()?;
        loop {
            let ahead = self.ahead()?;
            let mut values = serde_json::Deserializer::from_slice(ahead).into_iter();
            let value = values.next();
            let taken = values.byte_offset();
            // A number may go on behind what is in the window.
            match value {
                Some(Ok(value)) if taken < ahead.len() || self.is_whole => {
                    self.at += taken;
                    return Some(value);
                }
                _ if self.is_whole => return None,
                _ => self.read(usize::MAX)?,
            }
        }
    }

    /// What follows an element: true for another one, false for the end.
    #[inline(always)]
    pub(super) fn another(&mut self, end: u8) -> Option<bool> {
        let next = self.peek()?;
        let is_another = next == b',';
        (is_another || next == end).then(|| {
            self.at += 1;
            is_another
        })
    }

    /// A number of an array, and what follows it: true for another element, false for the end.
    #[inline(always)]
    pub(super) fn number(&mut self) -> Option<(f64, bool)> {
        let ahead = self.ahead()?;
        let blank = usize::from(ahead.first() == Some(&b' '));
        match short_number(&ahead[blank..]) {
            Some((number, length)) => {
                let is_another = ahead[blank + length] == b',';
                self.at += blank + length + 1;
                Some((number, is_another))
            }
            None => self.long_number(),
        }
    }

    #[inline(never)]
    fn long_number(&mut self) -> Option<(f64, bool)> {
        self.peek()?;
        let (number, length) = long_number(self.ahead()?)?;
        // One that reaches the end of the window may go on behind it.
        if self.at + length == self.window.len() && !self.is_whole {
            return None;
        }
        self.at += length;
        Some((number, self.another(b']')?))
    }

    /// The same, of an integer that a double has without doubt.
    #[inline(always)]
    pub(super) fn integer(&mut self) -> Option<(i64, bool)> {
        let ahead = self.ahead()?;
        let blank = usize::from(ahead.first() == Some(&b' '));
        match short_integer(&ahead[blank..]) {
            Some((number, length)) => {
                let is_another = ahead[blank + length] == b',';
                self.at += blank + length + 1;
                Some((number as i64, is_another))
            }
            None => {
                let (number, is_another) = self.number()?;
                is_integer(number).then_some((number as i64, is_another))
            }
        }
    }

    /// Opens an array; whether it has elements.
    #[inline(always)]
    pub(super) fn open(&mut self) -> Option<bool> {
        self.take(b'[')?;
        Some(!self.took(b']')?)
    }

    /// The elements of an array, each taken by a function.
    #[inline(always)]
    pub(super) fn elements(&mut self, mut each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        let mut has_more = self.open()?;
        while has_more {
            each(self)?;
            has_more = self.another(b']')?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Read;

    use proptest::prelude::*;

    use super::Scanner;

    fn row<R: Read>(scanner: &mut Scanner<R>) -> Option<Vec<f64>> {
        let mut found = Vec::new();
        let mut has_more = scanner.open()?;
        while has_more {
            let (number, is_another) = scanner.number()?;
            found.push(number);
            has_more = is_another;
        }
        Some(found)
    }

    fn numbers(text: &str) -> Option<Vec<f64>> {
        let mut scanner = Scanner::new(text.as_bytes());
        row(&mut scanner).filter(|_| scanner.is_at_end())
    }

    fn integers(text: &str) -> Option<Vec<i64>> {
        let (mut scanner, mut found) = (Scanner::new(text.as_bytes()), Vec::new());
        let mut has_more = scanner.open()?;
        while has_more {
            let (number, is_another) = scanner.integer()?;
            found.push(number);
            has_more = is_another;
        }
        scanner.is_at_end().then_some(found)
    }

    fn bits(numbers: &[f64]) -> Vec<u64> {
        numbers.iter().map(|number| number.to_bits()).collect()
    }

    #[test]
    fn numbers_are_those_of_json() {
        let text = " [ 0, -0, 1.5,\n-2e3, 1E+2, 12345678901234567890, 0.1, 1e-300, 4.9e-324, 1e22,7.0 ,1234567,12345678,0.1234567,1.5,2.25,9.12345,0.123456,3.0e1,1234567.1234567,0.10,1.12345678, 3] ";
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
            7.0,
            1_234_567.0,
            12_345_678.0,
            0.123_456_7,
            1.5,
            2.25,
            9.123_45,
            0.123_456,
            30.0,
            1_234_567.123_456_7,
            0.1,
            1.123_456_78,
            3.0,
        ];
        assert_eq!(bits(&numbers(text).unwrap()), bits(&expected));
        assert_eq!(numbers("[]"), Some(vec![]));
        for wrong in [
            "[01]", "[00]", "[01.5]", "[1.]", "[1.,2]", "[.5]", "[+1]", "[1e]", "[1e+]", "[-]",
            "[1,]", "[,1]", "[1 2]", "[1", "1]", "[1e999]", "[NaN]", "[1]x", "[\"1\"]", "[null]",
            "", "[1:2]", "[1/2]",
        ] {
            assert_eq!(numbers(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn integers_are_those_that_doubles_have() {
        let text = "[0, 7,12,1234567, 12345678,-3,4.0, 1e2,9007199254740992, 5 ]";
        let expected = vec![0, 7, 12, 1_234_567, 12_345_678, -3, 4, 100, 1 << 53, 5];
        assert_eq!(integers(text), Some(expected));
        for wrong in [
            "[0.5]",
            "[01]",
            "[1e300]",
            "[9007199254740994]",
            "[1",
            "[ ]x",
        ] {
            assert_eq!(integers(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn keys_and_values() {
        let text = br#" "states" : [[1, 2], [], [3]], "b": {"c": [1.5, "]"]} "#;
        let mut scanner = Scanner::new(&text[..]);
        assert_eq!(scanner.key().as_deref(), Some("states"));
        let mut rows = Vec::new();
        scanner
            .elements(|scanner| {
                rows.push(row(scanner)?);
                Some(())
            })
            .unwrap();
        assert_eq!(rows, [vec![1.0, 2.0], vec![], vec![3.0]]);
        assert_eq!(scanner.another(b'}'), Some(true));
        assert_eq!(scanner.key().as_deref(), Some("b"));
        let value = serde_json::json!({"c": [1.5, "]"]});
        assert_eq!(scanner.value(), Some(value));
        assert!(scanner.is_at_end());
        assert_eq!(Scanner::new(&br#""a\u0062": 1"#[..]).key(), None);
    }

    /// Text that comes a few bytes at a time.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let count = self.1.min(into.len()).min(self.0.len());
            into[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[test]
    fn long_text_comes_through_the_window() {
        let expected: Vec<f64> = (0..60_000).map(|i| f64::from(i % 977) / 8.0).collect();
        let text = format!("{expected:?}");
        assert!(text.len() > 4 * super::WINDOW);
        assert_eq!(numbers(&text), Some(expected.clone()));
        for step in [1000, 1 << 20] {
            let mut scanner = Scanner::new(Trickle(text.as_bytes(), step));
            assert_eq!(row(&mut scanner), Some(expected.clone()));
            assert!(scanner.is_at_end());
        }
        // A value that is longer than the window.
        let mut scanner = Scanner::new(text.as_bytes());
        assert_eq!(scanner.value().unwrap(), serde_json::json!(expected));
        assert!(scanner.is_at_end());
        // White space that is, and a number.
        let blank = " ".repeat(3 * super::WINDOW);
        assert_eq!(
            numbers(&format!("[1,{blank}2]{blank}")),
            Some(vec![1.0, 2.0])
        );
        let digits = "3".repeat(super::WINDOW);
        assert_eq!(numbers(&format!("[0.{digits}]")), None);
    }

    proptest! {
        #[test]
        fn every_number_has_the_bits_that_json_gives_it(bits: u64, digits in "-?[1-9][0-9]{0,25}\\.[0-9]{1,25}", short in "-?(0|[1-9][0-9]{0,8})(\\.[0-9]{1,9})?", power in -330i32..330) {
            let number = f64::from_bits(bits);
            let mut texts = vec![digits.clone(), format!("{digits}e{power}"), short];
            if number.is_finite() {
                texts.extend([format!("{number:e}"), format!("{number}")]);
            }
            for text in texts {
                let expected: Result<f64, _> = serde_json::from_str(&text);
                let expected = expected.ok().map(f64::to_bits);
                for array in [format!("[{text}]"), format!("[{text},0]"), format!("[ {text} ]")] {
                    let found = numbers(&array).map(|found| found[0].to_bits());
                    prop_assert_eq!(found, expected, "{}", array);
                }
            }
        }

        #[test]
        fn what_json_refuses_is_not_expected(text in "[-+0-9.eE,\\[\\] ]{0,12}") {
            let array = format!("[{text}]");
            let expected: Result<Vec<f64>, _> = serde_json::from_str(&array);
            prop_assert_eq!(numbers(&array), expected.ok(), "{}", array);
        }
    }
}
