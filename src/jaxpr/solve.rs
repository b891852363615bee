//! Linear systems that a program solves: `custom_linear_solve`.

use std::sync::Arc;

use super::{fields, refused, traced};
use crate::array::TensorType;
use crate::error::{Error, ParseError};
use crate::program::text::{Given, Value};
use crate::program::{Program, SubProgram};
use crate::tensor::Tensor;
use crate::transform::{custom_jvp, jvp};

pub(super) fn compose(
    name: &str,
    given: &mut Given<'_>,
    operands: &[TensorType],
) -> Option<Result<Program, ParseError>> {
    (name == "custom_linear_solve").then(|| linear_solve(name, given, operands))
}

/// The programs of a system, and how many of the first operands each of them takes before its argument.
struct System {
    matvec: SubProgram,
    solve: SubProgram,
    /// Of matvec, vecmat, solve and the transposed solve.
    consts: [usize; 4],
}

impl System {
    fn read(name: &str, given: &mut Given<'_>) -> Result<System, ParseError> {
        let lengths = fields(given, "const_lengths")?;
        let programs = fields(given, "jaxprs")?;
        let at = given.at();
        let missing = |key: &str| refused(name, at, format!("it does not say its `{key}`"));
        let mut consts = [0; 4];
        for (slot, key) in consts
            .iter_mut()
            .zip(["matvec", "vecmat", "solve", "transpose_solve"])
        {
            let found = lengths.iter().find(|(k, _)| k == key);
            let found = found.and_then(|(_, value)| value.to_string().parse().ok());
            *slot = found.ok_or_else(|| missing(key))?;
        }
        let program = |key: &str| match programs.iter().find(|(k, _)| k == key) {
            Some((_, value @ (Value::Program(_) | Value::Word(_)))) => {
                given.resolve(value.clone(), at)
            }
            _ => Err(missing(key)),
        };
        Ok(System {
            matvec: program("matvec")?,
            solve: program("solve")?,
            consts,
        })
    }

    /// The operands of the programs in `xs`: constants of the matrix, of the solution, right-hand sides.
    fn parts<'a>(&self, xs: &'a [Tensor]) -> [&'a [Tensor]; 3] {
        let [matvec, vecmat, solve, transposed] = self.consts;
        let (of_matvec, rest) = xs.split_at(matvec);
        let (of_solve, rest) = rest[vecmat..].split_at(solve);
        [of_matvec, of_solve, &rest[transposed..]]
    }

    fn solved(&self, xs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
        let [_, consts, b] = self.parts(xs);
        self.solve.call([consts, b].concat())
    }
}

/// The solution of `matvec(x) = b`. Its derivative is that of the equation: the solution for what the right-hand side and the matrix
/// change, whatever way the solution was found.
fn linear_solve(
    name: &str,
    given: &mut Given<'_>,
    operands: &[TensorType],
) -> Result<Program, ParseError> {
    let system = System::read(name, given)?;
    let taken: usize = system.consts.iter().sum();
    let sides = operands.len().checked_sub(taken);
    let fits = sides.is_some_and(|n| {
        system.matvec.inputs().len() == system.consts[0] + n
            && system.solve.inputs().len() == system.consts[2] + n
            && system.matvec.outputs().len() == n
            && system.solve.outputs().len() == n
    });
    if !fits {
        return Err(refused(
            name,
            given.at(),
            "operands and programs do not fit".to_owned(),
        ));
    }
    let system = Arc::new(system);
    traced(name, given, operands, |xs| {
        let value = system.clone();
        let f = custom_jvp(move |xs: Vec<Tensor>| value.solved(&xs)).def_jvp(
            move |(xs,): (Vec<Tensor>,), (dxs,): (Vec<Tensor>,)| {
                let found = system.solved(&xs)?;
                let [of_matvec, of_solve, _] = system.parts(&xs);
                let [change, _, sides] = system.parts(&dxs);
                let product =
                    |consts: Vec<Tensor>| system.matvec.call([&consts[..], &found[..]].concat());
                let (_, moved): (Vec<Tensor>, Vec<Tensor>) =
                    jvp(product, (of_matvec.to_vec(),), (change.to_vec(),))?;
                let rest = sides.iter().zip(moved).map(|(b, m)| b - m);
                let rest: Vec<Tensor> = rest.collect();
                let tangents = system.solve.call([of_solve, &rest[..]].concat())?;
                Ok::<_, Error>((found, tangents))
            },
        );
        f.call((xs.to_vec(),))
    })
}
