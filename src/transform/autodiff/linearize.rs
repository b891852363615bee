//! From a program to its results and its linear part, and on to reverse mode.

use super::emit::{positions, repeat, zeros};
use super::jvp::jvp;
use super::split::{Halves, split};
use super::transpose::{Transposed, transpose};
use crate::array::{Scalar, TensorType};
use crate::error::{AutodiffError, Error, OpError, OpErrorKind};
use crate::program::{Atom, Program, ProgramBuilder};

/// A program split into what computes its results and what is linear in the tangents of some of its inputs.
#[derive(Debug)]
pub(crate) struct Linearized {
    /// Inputs to results and then the residuals.
    pub(crate) primal: Program,
    /// Residuals and then tangents to the tangents of those results that have one.
    pub(crate) linear: Program,
    /// The number of residuals.
    pub(crate) residuals: usize,
    /// Which results have a tangent.
    pub(crate) tangents: Vec<bool>,
}

/// Linearizes a program along the inputs whose flag in `inputs` is set; only the first `values` of its results are
/// differentiated.
pub(crate) fn linearize(
    program: &Program,
    inputs: &[bool],
    values: usize,
) -> Result<Linearized, Error> {
    let derivative = jvp(program, inputs)?.of_first(values);
    let results = program.outputs().len();
    let behind = |from: usize, total: usize| (0..total).map(|k| k >= from).collect::<Vec<_>>();
    let unknown = behind(inputs.len(), derivative.program.inputs().len());
    let wanted = behind(results, derivative.program.outputs().len());
    let Halves {
        known,
        rest,
        unknown,
        residuals,
    } = split(&derivative.program, &unknown, &wanted)?;
    if unknown != wanted {
        return Err(AutodiffError::RuleMismatch {
            name: "a function with a rule".to_owned(),
            rule: "jvp rule",
            expected: "results that do not depend on the tangents".to_owned(),
            actual: "some that do".to_owned(),
        }
        .into());
    }
    Ok(Linearized {
        primal: known,
        linear: rest,
        residuals,
        tangents: derivative.tangents,
    })
}

impl Linearized {
    /// The linear part from cotangents of all results that have a tangent to cotangents of the inputs.
    pub(crate) fn transpose(&self) -> Result<Transposed, Error> {
        let inputs = self.linear.inputs().len();
        let linear: Vec<bool> = (0..inputs).map(|k| k >= self.residuals).collect();
        transpose(
            &self.linear,
            &linear,
            &vec![true; self.linear.outputs().len()],
        )
    }
}

/// A program that returns what `program` returns and then the gradient of its first result, a scalar, with respect to the
/// inputs whose flag is set.
pub(crate) fn gradient(program: &Program, inputs: &[bool]) -> Result<Program, Error> {
    let linearized = linearize(program, inputs, 1)?;
    let transposed = linearized.transpose()?;
    let mut builder = ProgramBuilder::new();
    let types = program.input_types();
    let args: Vec<Atom> = types
        .iter()
        .map(|ty| Atom::Var(builder.input(ty.clone())))
        .collect();
    let mut outputs = linearized.primal.inline(&mut builder, &args);
    let mut operands = outputs.split_off(outputs.len() - linearized.residuals);
    if linearized.tangents[0] {
        let ty = builder.atom_type(&outputs[0]).with_weak(false);
        operands.push(ones(&mut builder, &ty)?);
    }
    let mut found = transposed
        .program
        .inline(&mut builder, &operands)
        .into_iter();
    for (k, has) in positions(inputs).into_iter().zip(&transposed.cotangents) {
        let cotangent = if *has { found.next() } else { None };
        outputs.push(match cotangent {
            Some(atom) => atom,
            None => zeros(&mut builder, &types[k])?,
        });
    }
    Ok(builder.finish(outputs))
}

/// Ones of a floating type.
fn ones(builder: &mut ProgramBuilder, ty: &TensorType) -> Result<Atom, Error> {
    let one = Scalar::number(ty.dtype, 1.0);
    repeat(builder, one, ty)
}

impl Program {
    /// The program of a derivative along tangents of the inputs whose flag is set, and which results have a tangent; those of the
    /// others are zero. It takes the inputs and then the tangents, and returns the results and then their tangents.
    ///
    /// # Errors
    ///
    /// [`Error::Verify`] for a program that breaks its invariants, [`OpErrorKind::OperandCount`](crate::OpErrorKind) for another number of flags than
    /// inputs, and what has no derivative.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let program = jit(|x: Tensor, y: Tensor| x * y).trace((f64::spec([]), f64::spec([])))?;
    /// let (derivative, tangents) = program.jvp(&[true, false])?;
    /// assert_eq!(derivative.to_string(), "\
    /// { lambda ; a:f64[] b:f64[] c:f64[]. let
    ///     d:f64[] = mul a b
    ///     e:f64[] = mul c b
    ///   in (d, e) }");
    /// assert_eq!(tangents, [true]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    pub fn jvp(&self, tangents: &[bool]) -> Result<(Program, Vec<bool>), Error> {
        self.check_flags("jvp", tangents)?;
        let derivative = jvp(self, tangents)?;
        Ok((derivative.program, derivative.tangents))
    }

    /// The program in two: from its inputs to its results and the residuals, and the linear one from residuals and tangents of
    /// the inputs whose flag is set to the tangents of the results. Also the number of residuals, and which results have
    /// a tangent.
    ///
    /// # Errors
    ///
    /// As for [`Program::jvp`].
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let program = jit(|x: Tensor| x.sin()).trace((f64::spec([]),))?;
    /// let (primal, linear, residuals, _) = program.linearize(&[true])?;
    /// assert_eq!(residuals, 1);
    /// assert_eq!(linear.to_string(), "{ lambda ; a:f64[] b:f64[]. let c:f64[] = mul b a in (c,) }");
    /// assert_eq!(primal.outputs().len(), 2);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    pub fn linearize(
        &self,
        tangents: &[bool],
    ) -> Result<(Program, Program, usize, Vec<bool>), Error> {
        self.check_flags("linearize", tangents)?;
        let found = linearize(self, tangents, self.outputs().len())?;
        Ok((found.primal, found.linear, found.residuals, found.tangents))
    }

    /// The transpose of a program that is linear in the inputs whose flag is set, and which of those have a cotangent; those of
    /// the others are zero. It takes the other inputs and then the cotangents of all results that depend on them.
    ///
    /// # Errors
    ///
    /// As for [`Program::jvp`]; [`OpErrorKind::NotLinear`](crate::OpErrorKind) where the program is not linear in these inputs.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let program = jit(|x: Tensor, y: Tensor| x * y).trace((f64::spec([]), f64::spec([])))?;
    /// let (transposed, _) = program.transpose(&[false, true])?;
    /// assert_eq!(transposed.to_string(), "{ lambda ; a:f64[] b:f64[]. let c:f64[] = mul a b in (c,) }");
    /// assert!(program.transpose(&[true, true]).is_err());
    /// # Ok::<(), elimap::Error>(())
    /// ```
    pub fn transpose(&self, linear: &[bool]) -> Result<(Program, Vec<bool>), Error> {
        self.check_flags("transpose", linear)?;
        let (transposed, _) = transpose_split(self, linear)?;
        Ok((transposed.program, transposed.cotangents))
    }

    fn check_flags(&self, name: &'static str, flags: &[bool]) -> Result<(), Error> {
        if flags.len() != self.inputs().len() {
            let kind = OpErrorKind::OperandCount {
                expected: self.inputs().len(),
                actual: flags.len(),
            };
            return Err(OpError::at(name, kind, None).into());
        }
        for (ty, &flag) in self.input_types().iter().zip(flags) {
            if flag && !ty.dtype.is_inexact() {
                let detail = format!("an input of type {ty} has no tangent");
                return Err(OpError::at(name, OpErrorKind::parameter(detail), None).into());
            }
        }
        // Programs can be built and parsed by hand; rules may assume what the type rules accept.
        Ok(self.verify()?)
    }
}

/// The transpose of a program that may compute more than what is linear, and which results are.
pub(crate) fn transpose_split(
    program: &Program,
    linear: &[bool],
) -> Result<(Transposed, Vec<bool>), Error> {
    let halves = split(program, linear, &[])?;
    let count = halves.rest.inputs().len();
    let flags: Vec<bool> = (0..count).map(|k| k >= halves.residuals).collect();
    let inner = transpose(
        &halves.rest,
        &flags,
        &vec![true; halves.rest.outputs().len()],
    )?;
    let mut builder = ProgramBuilder::new();
    let known: Vec<Atom> = halves
        .known
        .input_types()
        .into_iter()
        .map(|ty| Atom::Var(builder.input(ty)))
        .collect();
    let mut found = halves.known.inline(&mut builder, &known);
    let mut operands = found.split_off(found.len() - halves.residuals);
    let cotangents = inner.program.input_types().split_off(halves.residuals);
    operands.extend(
        cotangents
            .into_iter()
            .map(|ty| Atom::Var(builder.input(ty))),
    );
    let outputs = inner.program.inline(&mut builder, &operands);
    let program = builder.finish(outputs);
    let cotangents = inner.cotangents;
    Ok((
        Transposed {
            program,
            cotangents,
        },
        halves.unknown,
    ))
}
