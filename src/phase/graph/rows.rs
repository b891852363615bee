//! Rows of numbers as `serde` reads them, flattened.

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
