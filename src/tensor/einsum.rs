//! `einsum` and the products that are its special cases.
//!
//! Operands are joined two at a time from the left: letters of one operand alone that nothing later needs are summed, letters both
//! have are batch axes if something later needs them and contracted if not, and one `dot_general` does the rest.

use std::panic::Location;

use super::elementwise::promote;
use super::{Caller, Tensor, arange, settle, where_};
use crate::array::{Shape, promote_all};
use crate::error::{Error, OpError, OpErrorKind};
use crate::program::DotDims;

fn refuse(detail: String, location: Caller) -> Error {
    OpError::at("einsum", OpErrorKind::parameter(detail), location).into()
}

/// A tensor whose axes have letters.
struct Lettered {
    tensor: Tensor,
    letters: Vec<char>,
}

/// Sums products of elements as a subscript says: `einsum("ij,jk->ik", [a, b])` is a matrix product.
///
/// One letter per axis; letters after `->` stay, the others are summed. Without `->` the letters that occur once stay, in
/// alphabetical order. A letter twice in one operand is its diagonal. There is no ellipsis, and lengths do not broadcast.
///
/// # Errors
///
/// [`OpErrorKind::InvalidParameter`] for a subscript that does not parse or fit, [`OpErrorKind::ShapeMismatch`] where a
/// letter stands for different lengths.
///
/// ```
/// use elimap::prelude::*;
/// use elimap::einsum;
/// let a = Tensor::from(Array::from(ndarray::array![[1.0, 2.0], [3.0, 4.0]]));
/// assert_eq!(einsum("ij->j", &[&a])?.to_array()?.to_vec::<f64>()?, [4.0, 6.0]);
/// assert_eq!(einsum("ii", &[&a])?.to_array()?.item::<f64>()?, 5.0);
/// assert_eq!(einsum("ij,kj->ik", &[&a, &a])?.to_array()?.to_vec::<f64>()?, [5.0, 11.0, 11.0, 25.0]);
/// assert!(einsum("ij,jk", &[&a]).is_err());
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn einsum<T: Into<Tensor>>(
    subscripts: &str,
    operands: impl IntoIterator<Item = T>,
) -> Result<Tensor, Error> {
    let operands: Vec<Tensor> = operands.into_iter().map(Into::into).collect();
    einsum_at(subscripts, &operands, Location::caller())
}

fn einsum_at(subscripts: &str, operands: &[Tensor], location: Caller) -> Result<Tensor, Error> {
    for operand in operands {
        operand.clone().check()?;
    }
    let (inputs, output) = parse(subscripts, operands, location)?;
    let to = promote_all(operands.iter().map(Tensor::ty));
    let mut lengths: Vec<(char, usize)> = Vec::new();
    let mut terms = Vec::with_capacity(operands.len());
    for (operand, letters) in operands.iter().zip(inputs) {
        for (&letter, &n) in letters.iter().zip(operand.shape()) {
            match lengths.iter().find(|(l, _)| *l == letter) {
                Some(&(_, m)) if m != n => {
                    let detail = format!("`{letter}` stands for lengths {m} and {n}");
                    let kind = OpErrorKind::shapes(operands.iter().map(Tensor::ty), detail);
                    return Err(OpError::at("einsum", kind, location).into());
                }
                Some(_) => {}
                None => lengths.push((letter, n)),
            }
        }
        let tensor = super::elementwise::convert(operand, (to.0, false), location);
        terms.push(diagonals(Lettered { tensor, letters }));
    }
    let mut terms = terms.into_iter().rev().collect::<Vec<_>>();
    let Some(mut found) = terms.pop() else {
        return Err(refuse("takes at least one operand".to_owned(), location));
    };
    while let Some(next) = terms.pop() {
        let later = |l: char| output.contains(&l) || terms.iter().any(|t| t.letters.contains(&l));
        found = join(found, next, later);
    }
    let found = sum_except(found, |l| output.contains(&l));
    let order = output.iter().map(|l| position(&found.letters, *l) as isize);
    found.tensor.transpose(order).check()
}

fn position(letters: &[char], letter: char) -> usize {
    letters.iter().position(|l| *l == letter).unwrap_or(0)
}

/// The letters of each operand and of the result.
fn parse(
    subscripts: &str,
    operands: &[Tensor],
    location: Caller,
) -> Result<(Vec<Vec<char>>, Vec<char>), Error> {
    let text: String = subscripts.chars().filter(|c| !c.is_whitespace()).collect();
    let (left, right) = match text.split_once("->") {
        Some((left, right)) => (left, Some(right)),
        None => (&text[..], None),
    };
    let strange = |c: &char| !c.is_ascii_alphabetic() && *c != ',';
    if let Some(c) = left
        .chars()
        .chain(right.unwrap_or("").chars())
        .find(strange)
    {
        let detail =
            format!("{subscripts:?} has {c:?}; write one letter per axis, as in \"ij,jk->ik\"");
        return Err(refuse(detail, location));
    }
    let inputs: Vec<Vec<char>> = left.split(',').map(|t| t.chars().collect()).collect();
    if inputs.len() != operands.len() {
        let detail = format!(
            "{subscripts:?} is for {} operands, {} are given",
            inputs.len(),
            operands.len()
        );
        return Err(refuse(detail, location));
    }
    for (letters, operand) in inputs.iter().zip(operands) {
        if letters.len() != operand.rank() {
            let detail = format!(
                "{subscripts:?} names {} axes of an operand of type {}; write one letter per axis",
                letters.len(),
                operand.ty()
            );
            return Err(refuse(detail, location));
        }
    }
    let all: Vec<char> = inputs.iter().flatten().copied().collect();
    let output: Vec<char> = match right {
        Some(right) => right.chars().collect(),
        None => {
            let mut once: Vec<char> = all.clone();
            once.retain(|l| all.iter().filter(|m| *m == l).count() == 1);
            once.sort_unstable();
            once
        }
    };
    for (k, letter) in output.iter().enumerate() {
        if output[..k].contains(letter) || !all.contains(letter) {
            let detail = format!(
                "the result letter `{letter}` of {subscripts:?} must occur in an operand, and once in the result"
            );
            return Err(refuse(detail, location));
        }
    }
    Ok((inputs, output))
}

/// Letters that occur twice name a diagonal: everything else is masked out and summed away.
fn diagonals(mut term: Lettered) -> Lettered {
    while let Some((i, j)) = (0..term.letters.len()).find_map(|j| {
        let i = term.letters[..j]
            .iter()
            .position(|l| *l == term.letters[j])?;
        Some((i, j))
    }) {
        let (n, rank) = (term.tensor.shape()[i], term.letters.len());
        let along = |axis: usize| {
            let mut shape = vec![1; rank];
            shape[axis] = n as isize;
            arange(n).reshape(shape)
        };
        let zero = super::elementwise::convert(
            &Tensor::from(false),
            (term.tensor.dtype(), false),
            Location::caller(),
        );
        let masked = where_(along(i).equal(along(j)), &term.tensor, zero);
        term.tensor = keep_type(masked.sum(j as isize), &term.tensor);
        term.letters.remove(j);
    }
    term
}

/// Sums widen integers; products of them do not.
fn keep_type(sum: Tensor, like: &Tensor) -> Tensor {
    sum.astype(like.dtype())
}

fn sum_except(term: Lettered, keep: impl Fn(char) -> bool) -> Lettered {
    let axes: Vec<isize> = (0..term.letters.len())
        .filter(|&k| !keep(term.letters[k]))
        .map(|k| k as isize)
        .collect();
    if axes.is_empty() {
        return term;
    }
    Lettered {
        tensor: keep_type(term.tensor.sum(axes), &term.tensor),
        letters: term.letters.into_iter().filter(|&l| keep(l)).collect(),
    }
}

/// The product of two terms, summed over what nothing later needs.
fn join(a: Lettered, b: Lettered, later: impl Fn(char) -> bool) -> Lettered {
    let (in_a, in_b) = (a.letters.clone(), b.letters.clone());
    let a = sum_except(a, |l| later(l) || in_b.contains(&l));
    let b = sum_except(b, |l| later(l) || in_a.contains(&l));
    let shared: Vec<char> = a
        .letters
        .iter()
        .copied()
        .filter(|l| b.letters.contains(l))
        .collect();
    let (batch, contract): (Vec<char>, Vec<char>) = shared.iter().partition(|l| later(**l));
    let places = |letters: &[char], which: &[char]| -> Shape {
        which.iter().map(|l| position(letters, *l)).collect()
    };
    let dims = DotDims {
        lhs_contract: places(&a.letters, &contract),
        rhs_contract: places(&b.letters, &contract),
        lhs_batch: places(&a.letters, &batch),
        rhs_batch: places(&b.letters, &batch),
    };
    let free = |letters: &[char]| -> Vec<char> {
        letters
            .iter()
            .copied()
            .filter(|l| !shared.contains(l))
            .collect()
    };
    let letters = [batch, free(&a.letters), free(&b.letters)].concat();
    Lettered {
        tensor: a.tensor.dot_general(b.tensor, dims),
        letters,
    }
}

/// numpy's `tensordot`: the listed axes of `x` are contracted with those of `y`, in order.
///
/// ```
/// use elimap::prelude::*;
/// let a = Array::from(ndarray::array![[1.0, 2.0], [3.0, 4.0]]);
/// let y = elimap::tensordot(a.clone(), a, &[0], &[1]);
/// assert_eq!(y.to_array()?.to_vec::<f64>()?, [7.0, 15.0, 10.0, 22.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn tensordot(
    x: impl Into<Tensor>,
    y: impl Into<Tensor>,
    x_axes: &[isize],
    y_axes: &[isize],
) -> Tensor {
    let (x, y, location): (Tensor, Tensor, _) = (x.into(), y.into(), Location::caller());
    let product = || -> Result<Tensor, Error> {
        let (x, y) = (x.check()?, y.check()?);
        let dims = DotDims {
            lhs_contract: super::shape::resolve("tensordot", x_axes, x.rank(), location)?,
            rhs_contract: super::shape::resolve("tensordot", y_axes, y.rank(), location)?,
            lhs_batch: Shape::new(),
            rhs_batch: Shape::new(),
        };
        Ok(x.dot_general(y, dims))
    };
    settle(product())
}

/// numpy's `dot`: the last axis of `x` with the last but one of `y`, or its only one; scalars multiply.
///
/// ```
/// use elimap::prelude::*;
/// let x = Array::from(vec![1.0, 2.0]);
/// assert_eq!(elimap::dot(x.clone(), x).to_array()?.item::<f64>()?, 5.0);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn dot(x: impl Into<Tensor>, y: impl Into<Tensor>) -> Tensor {
    let (x, y): (Tensor, Tensor) = (x.into(), y.into());
    if x.rank() == 0 || y.rank() == 0 {
        return x * y;
    }
    let axis = if y.rank() == 1 { -1 } else { -2 };
    tensordot(x, y, &[-1], &[axis])
}

/// numpy's `vdot`: the sum of products of all elements, taken in order, those of `x` conjugated.
///
/// ```
/// use elimap::prelude::*;
/// let x = Array::from(ndarray::array![[1.0, 2.0], [3.0, 4.0]]);
/// assert_eq!(elimap::vdot(x.clone(), x).to_array()?.item::<f64>()?, 30.0);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn vdot(x: impl Into<Tensor>, y: impl Into<Tensor>) -> Tensor {
    let (x, y): (Tensor, Tensor) = (x.into(), y.into());
    let location = Location::caller();
    let [x, y] = promote([&x, &y], location);
    tensordot(x.conj().reshape([-1]), y.reshape([-1]), &[0], &[0])
}
