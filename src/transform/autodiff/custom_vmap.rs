//! The derivative of a batching rule, which is the batching rule of the derivative, and that of a part of a function.

use super::emit::unmarked;
use crate::array::TensorType;
use crate::error::{AutodiffError, Error};
use crate::ops::BatchDim;
use crate::program::{CustomRule, Program, RuleOutcome};
use crate::transform::vmap::batch::{MappedAxis, batch_program, finish};
use crate::tree::TreeDef;

/// Differentiates a program along some of its inputs, with tangents for some of its results.
type Differentiate = fn(&Program, &[bool], &[bool]) -> Result<Program, Error>;

/// The rule of a function that takes arguments and the tangents of those whose flag in `args` is set, and returns results
/// and the tangents of those whose flag in `results` is set; `jvp` differentiates the program of the original rule.
pub(super) fn jvp_of_rule(
    rule: &CustomRule,
    args: &[bool],
    results: &[bool],
    jvp: Differentiate,
) -> CustomRule {
    let (inner, args, results) = (rule.clone(), args.to_vec(), results.to_vec());
    let count = results.len() + results.iter().filter(|&&b| b).count();
    let def = TreeDef::Tuple(vec![TreeDef::Leaf; count]);
    let answer_def = def.clone();
    CustomRule::new(rule.name().into(), def, move |size, batched, types| {
        let tangents: Vec<usize> = (0..args.len()).filter(|&k| args[k]).collect();
        let (own, tangent_flags) = batched.split_at(args.len());
        let mut with = own.to_vec();
        for (&k, &flag) in tangents.iter().zip(tangent_flags) {
            with[k] = flag;
        }
        let alike = (0..args.len()).any(|k| own[k] && with[k]);
        let ask = |asked: &[bool]| {
            let lane = |k: usize| match (own[k], asked[k]) {
                (true, false) => types[k].remove_axis(0),
                (false, true) => types[k].insert_axis(0, size),
                (true, true) | (false, false) => types[k].clone(),
            };
            let given: Vec<TensorType> = (0..args.len()).map(lane).collect();
            inner.run(size, asked, &given)
        };
        // The rule is asked about arguments that are batched with their tangents. Where there are such, the others become so;
        // where there are none, the rule's answer for one lane is batched as any program, unless it makes lanes nonetheless.
        let either: Vec<bool> = own.iter().zip(&with).map(|(&a, &b)| a || b).collect();
        let mut asked = match alike {
            true => either.clone(),
            false => vec![false; args.len()],
        };
        let mut answer = ask(&asked)?;
        if !alike && answer.batched.contains(&true) {
            asked = either;
            answer = ask(&asked)?;
        }
        if answer.def != *inner.out_def() {
            return Ok(answer);
        }
        let program = jvp(&answer.program, &args, &results)?;
        let axis = MappedAxis { size, name: None };
        let dim = |k: usize, flag: bool| match flag && !asked[k] {
            true => BatchDim::At(0),
            false => BatchDim::Unbatched,
        };
        let dims: Vec<BatchDim> = (0..args.len())
            .map(|k| dim(k, own[k]))
            .chain(tangents.iter().zip(tangent_flags).map(|(&k, &f)| dim(k, f)))
            .collect();
        let body = batch_program(&program, axis, &dims)?;
        let found = answer.batched.iter().copied();
        let with_tangents = found.clone().chain(
            found
                .zip(&results)
                .filter_map(|(batched, &tangent)| tangent.then_some(batched)),
        );
        let flags: Vec<bool> = body
            .outputs
            .iter()
            .zip(with_tangents)
            .map(|(output, batched)| batched || output.dim.is_batched())
            .collect();
        let places: Vec<Option<usize>> = body
            .outputs
            .iter()
            .map(|o| o.dim.is_batched().then_some(0))
            .collect();
        let program = finish(body, axis, &places)?;
        let program = repeated(
            &program,
            &own_and(&asked, own, &tangents, tangent_flags),
            size,
        )?;
        Ok(RuleOutcome {
            program,
            def: answer_def.clone(),
            batched: flags,
        })
    })
}

/// What of a program's results does not depend on some of its inputs, and which results do.
type Divide = fn(&Program, &[bool]) -> Result<(Program, Vec<bool>), Error>;

/// The rule of what a function computes without the arguments whose flag is set; arguments of these types, of whose results
/// those in `hidden` depend on them.
pub(super) fn known_of_rule(
    rule: &CustomRule,
    (unknown, types): (&[bool], &[TensorType]),
    hidden: &[bool],
    known: Divide,
) -> CustomRule {
    let (inner, unknown, lanes) = (rule.clone(), unknown.to_vec(), types.to_vec());
    let hidden = hidden.to_vec();
    let def = TreeDef::Tuple(vec![TreeDef::Leaf; hidden.iter().filter(|&&h| !h).count()]);
    let answer_def = def.clone();
    CustomRule::new(rule.name().into(), def, move |size, batched, types| {
        // The rule is asked as if the others were the same for all lanes.
        let mut given = batched.iter().zip(types);
        let args = unknown.iter().zip(&lanes).map(|(&unknown, lane)| {
            let given = if unknown { None } else { given.next() };
            given.map_or((false, lane.clone()), |(&flag, ty)| (flag, ty.clone()))
        });
        let (flags, types): (Vec<bool>, Vec<TensorType>) = args.unzip();
        let answer = inner.run(size, &flags, &types)?;
        if answer.def != *inner.out_def() {
            return Ok(answer);
        }
        let (mut program, unknown) = known(&answer.program, &unknown)?;
        if unknown
            .iter()
            .zip(&hidden)
            .any(|(&rule, &own)| rule && !own)
        {
            return Err(AutodiffError::RuleMismatch {
                name: inner.name().to_owned(),
                rule: "batching rule",
                expected: "results that depend on no more arguments than the function's".to_owned(),
                actual: "some that do".to_owned(),
            }
            .into());
        }
        let kept = unmarked(&hidden, &unknown);
        program.outputs = unmarked(&program.outputs, &kept);
        Ok(RuleOutcome {
            program,
            def: answer_def.clone(),
            batched: unmarked(&answer.batched, &hidden),
        })
    })
}

/// Which inputs the program takes with lanes that are given without.
fn own_and(asked: &[bool], own: &[bool], tangents: &[usize], tangent_flags: &[bool]) -> Vec<bool> {
    let args = (0..own.len()).map(|k| asked[k] && !own[k]);
    let tangents = tangents.iter().zip(tangent_flags);
    args.chain(tangents.map(|(&k, &f)| asked[k] && !f))
        .collect()
}

/// The program with the inputs whose flag is set taken once and repeated for every lane.
fn repeated(program: &Program, flags: &[bool], size: usize) -> Result<Program, Error> {
    use crate::ops::Batched;
    use crate::program::{Atom, ProgramBuilder};
    if !flags.contains(&true) {
        return Ok(program.clone());
    }
    let mut builder = ProgramBuilder::new();
    let inputs: Vec<Batched> = program
        .input_types()
        .iter()
        .zip(flags)
        .map(|(ty, &flag)| {
            let ty = if flag { ty.remove_axis(0) } else { ty.clone() };
            Batched::unbatched(Atom::Var(builder.input(ty)))
        })
        .collect();
    let places: Vec<Option<usize>> = flags.iter().map(|&f| f.then_some(0)).collect();
    let axis = MappedAxis { size, name: None };
    let spread = finish(
        crate::ops::BatchedBody {
            builder,
            outputs: inputs,
        },
        axis,
        &places,
    )?;
    let mut builder = ProgramBuilder::new();
    let inputs: Vec<Atom> = spread
        .input_types()
        .into_iter()
        .map(|ty| Atom::Var(builder.input(ty)))
        .collect();
    let spread = spread.inline(&mut builder, &inputs);
    let outputs = program.inline(&mut builder, &spread);
    Ok(builder.finish(outputs))
}
