//! Compressed sparse rows: rows of any length, stored one after the other.

use std::marker::PhantomData;
use std::ops::Range;

use crate::phase::index::Index;

/// Rows of values by an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Csr<I, T> {
    /// The end of each row, after a zero: row r begins where the row before it ends.
    ends: Vec<usize>,
    values: Vec<T>,
    rows: PhantomData<fn(I) -> I>,
}

impl<I: Index, T> Default for Csr<I, T> {
    fn default() -> Self {
        Self::with_capacity(0, 0)
    }
}

impl<I: Index, T> Csr<I, T> {
    /// No rows, with room for so many of them and of their values.
    pub(crate) fn with_capacity(rows: usize, values: usize) -> Self {
        let mut ends = Vec::with_capacity(rows + 1);
        ends.push(0);
        Self {
            ends,
            values: Vec::with_capacity(values),
            rows: PhantomData,
        }
    }

    /// Rows of these lengths out of one vector; `None` if they do not add up to its length.
    pub(crate) fn from_lengths(
        lengths: impl IntoIterator<Item = usize>,
        values: Vec<T>,
    ) -> Option<Self> {
        let mut ends = vec![0];
        let mut end = 0_usize;
        for length in lengths {
            end = end.checked_add(length)?;
            ends.push(end);
        }
        (end == values.len()).then_some(Self {
            ends,
            values,
            rows: PhantomData,
        })
    }

    /// Groups pairs by their row; the values of a row stay in the order of the pairs.
    pub(crate) fn from_pairs(rows: usize, pairs: impl Iterator<Item = (I, T)> + Clone) -> Self
    where
        T: Copy,
    {
        let mut next = vec![0; rows + 1];
        for (row, _) in pairs.clone() {
            next[row.index() + 1] += 1;
        }
        for row in 0..rows {
            next[row + 1] += next[row];
        }
        let ends = next.clone();
        let mut values: Vec<T> = match pairs.clone().next() {
            Some((_, any)) => vec![any; ends[rows]],
            None => Vec::new(),
        };
        for (row, value) in pairs {
            let place = &mut next[row.index()];
            values[*place] = value;
            *place += 1;
        }
        Self {
            ends,
            values,
            rows: PhantomData,
        }
    }

    /// The number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.ends.len() - 1
    }

    /// The number of values in all rows.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// Adds a value to the row that [`end_row`](Self::end_row) will close.
    pub(crate) fn push(&mut self, value: T) {
        self.values.push(value);
    }

    /// Makes room for so many more rows and values.
    pub(crate) fn reserve(&mut self, rows: usize, values: usize) {
        self.ends.reserve(rows);
        self.values.reserve(values);
    }

    /// Closes the row of all values pushed since the last one was closed.
    pub(crate) fn end_row(&mut self) {
        self.ends.push(self.values.len());
    }

    /// Adds a whole row.
    pub(crate) fn push_row(&mut self, row: impl IntoIterator<Item = T>) {
        self.values.extend(row);
        self.end_row();
    }

    /// Where a row lies among all values.
    #[inline(always)]
    pub(crate) fn range(&self, row: I) -> Range<usize> {
        let row = row.index();
        self.ends[row]..self.ends[row + 1]
    }

    #[inline(always)]
    pub(crate) fn row(&self, row: I) -> &[T] {
        &self.values[self.range(row)]
    }

    pub(crate) fn row_mut(&mut self, row: I) -> &mut [T] {
        let range = self.range(row);
        &mut self.values[range]
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &[T]> {
        self.ends
            .windows(2)
            .map(|ends| &self.values[ends[0]..ends[1]])
    }

    /// The values of all rows, one row after the other.
    #[inline(always)]
    pub(crate) fn values(&self) -> &[T] {
        &self.values
    }

    pub(crate) fn values_mut(&mut self) -> &mut [T] {
        &mut self.values
    }

    /// The end of each row among all values, after a zero.
    pub(crate) fn ends(&self) -> &[usize] {
        &self.ends
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::Csr;

    #[test]
    fn rows_come_back_as_they_were_pushed() {
        let mut csr = Csr::<usize, char>::default();
        csr.push_row(['a', 'b']);
        csr.push_row([]);
        csr.push('c');
        csr.end_row();
        assert_eq!(
            csr.iter().collect::<Vec<_>>(),
            [&['a', 'b'][..], &[], &['c']]
        );
        assert_eq!((csr.rows(), csr.len(), csr.range(2)), (3, 3, 2..3));
        let again = Csr::from_lengths([2, 0, 1], csr.values().to_vec());
        assert_eq!(again, Some(csr));
        assert_eq!(Csr::<usize, char>::from_lengths([2], vec!['a']), None);
    }

    #[test]
    fn pairs_are_grouped_in_their_order() {
        let pairs = [(2, 'x'), (0, 'a'), (2, 'y'), (0, 'b')];
        let csr = Csr::<usize, char>::from_pairs(4, pairs.into_iter());
        let rows: Vec<&[char]> = csr.iter().collect();
        assert_eq!(rows, [&['a', 'b'][..], &[], &['x', 'y'], &[]]);
        assert_eq!(Csr::<usize, char>::from_pairs(2, [].into_iter()).rows(), 2);
    }
}
