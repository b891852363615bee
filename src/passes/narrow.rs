//! Programs with 64-bit types turned into 32-bit ones.

use std::sync::Arc;

use num_complex::Complex;

use crate::array::{DType, Scalar, TensorType};
use crate::error::{Error, OpError, OpErrorKind};
use crate::ops;
use crate::program::{
    ArgReduce, Atom, BinaryOp, BitcastConvertType, Call, Checkpoint, Cond, ControlOp,
    ConvertElementType, CustomJvpCall, CustomLin, CustomVjpCall, DataOp, Iota, Op, Program,
    RulePrograms, Scan, ScatterApply, SubProgram, While,
};

/// The 32-bit kin of a type.
fn narrow(dtype: DType) -> DType {
    match dtype {
        DType::F64 => DType::F32,
        DType::I64 => DType::I32,
        DType::U64 => DType::U32,
        DType::C128 => DType::C64,
        DType::Bool
        | DType::U8
        | DType::U16
        | DType::U32
        | DType::I8
        | DType::I16
        | DType::I32
        | DType::BF16
        | DType::F16
        | DType::F32
        | DType::C64 => dtype,
    }
}

impl Program {
    /// The program as JAX traces it with its default, `jax_enable_x64` off: every `float64`, `int64`, `uint64` and `complex128` is its 32-bit kin,
    /// in inputs, constants, literals and results.
    ///
    /// # Errors
    ///
    /// [`OpErrorKind::InvalidParameter`] where the program calls the host or a function with a batching rule of its own, which state
    /// their types themselves; where it works on the bits of 64-bit numbers, as draws of 64-bit random numbers do; and for a literal
    /// that 32 bits have no room for.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let program = jit(|x: Tensor| x.argmax(0)).trace((f64::spec([3]),))?.narrowed()?;
    /// assert_eq!(program.input_types()[0].to_string(), "f32[3]");
    /// let out = program.run(&[Array::from(vec![1.0_f32, 5.0, 2.0])])?;
    /// assert_eq!(out[0].item::<i32>()?, 1);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    pub fn narrowed(&self) -> Result<Program, Error> {
        let mut program = self.clone();
        narrow_program(&mut program)?;
        program.verify()?;
        Ok(program)
    }
}

fn narrow_program(program: &mut Program) -> Result<(), Error> {
    let refused = |detail: String, location| -> Error {
        OpError::at("narrowed", OpErrorKind::parameter(detail), location).into()
    };
    // Operations are judged by the types that they have.
    let mut equations = std::mem::take(&mut program.equations);
    for equation in &mut equations {
        let types = equation.inputs.iter().map(|x| program.atom_type(x).dtype);
        let types: Vec<DType> = types.collect();
        for input in &mut equation.inputs {
            narrow_atom(input).map_err(|detail| refused(detail, equation.location))?;
        }
        let is_narrow = match &mut equation.op {
            Op::Data(op) => narrow_data(op, &types),
            Op::Control(op) => {
                narrow_control(op, equation.location)?;
                true
            }
        };
        if !is_narrow {
            let detail = format!(
                "`{}` takes the bits of 64-bit numbers; trace it with 32-bit types",
                equation.op.name()
            );
            return Err(refused(detail, equation.location));
        }
    }
    program.equations = equations;
    for ty in &mut program.types {
        *ty = TensorType {
            dtype: narrow(ty.dtype),
            ..ty.clone()
        };
    }
    for (_, array) in &mut program.constants {
        let convert = ConvertElementType {
            dtype: narrow(array.dtype()),
            weak: false,
        };
        *array = ops::eval(&convert.into(), std::slice::from_ref(array)).swap_remove(0);
    }
    for output in &mut program.outputs {
        narrow_atom(output).map_err(|detail| refused(detail, None))?;
    }
    Ok(())
}

/// Narrows a literal; what is wrong with one that has no room.
fn narrow_atom(atom: &mut Atom) -> Result<(), String> {
    if let Atom::Literal(value, _) = atom {
        let no_room =
            |x: &dyn std::fmt::Display| format!("32 bits have no room for the literal {x}");
        *value = match *value {
            Scalar::F64(x) => Scalar::F32(x as f32),
            Scalar::C128(z) => Scalar::C64(Complex::new(z.re as f32, z.im as f32)),
            Scalar::I64(x) => Scalar::I32(i32::try_from(x).map_err(|_| no_room(&x))?),
            Scalar::U64(x) => Scalar::U32(u32::try_from(x).map_err(|_| no_room(&x))?),
            other => other,
        };
    }
    Ok(())
}

/// Narrows an operation on operands of these types; false for one that works on the bits of 64-bit numbers, which 32-bit numbers
/// do not have.
fn narrow_data(op: &mut DataOp, types: &[DType]) -> bool {
    match op {
        DataOp::ConvertElementType(ConvertElementType { dtype, .. })
        | DataOp::Iota(Iota { dtype, .. })
        | DataOp::ArgReduce(ArgReduce {
            index_dtype: dtype, ..
        }) => *dtype = narrow(*dtype),
        DataOp::BitcastConvertType(BitcastConvertType { dtype }) => {
            let is_wide = |dtype: DType| narrow(dtype) != dtype;
            return !is_wide(*dtype) && !types.iter().any(|&dtype| is_wide(dtype));
        }
        DataOp::Binary(op) => {
            let shifts = matches!(
                op.kind,
                BinaryOp::ShiftLeft | BinaryOp::ShiftRightLogical | BinaryOp::ShiftRightArithmetic
            );
            return !shifts || !types.contains(&DType::U64);
        }
        DataOp::Unary(_)
        | DataOp::IntegerPow(_)
        | DataOp::ReducePrecision(_)
        | DataOp::Fft(_)
        | DataOp::SelectN(_)
        | DataOp::Clamp(_)
        | DataOp::BroadcastInDim(_)
        | DataOp::Reshape(_)
        | DataOp::Transpose(_)
        | DataOp::Squeeze(_)
        | DataOp::Concatenate(_)
        | DataOp::Pad(_)
        | DataOp::Rev(_)
        | DataOp::Slice(_)
        | DataOp::Reduce(_)
        | DataOp::Cumulative(_)
        | DataOp::DotGeneral(_)
        | DataOp::DynamicSlice(_)
        | DataOp::DynamicUpdateSlice(_)
        | DataOp::Gather(_)
        | DataOp::Scatter(_)
        | DataOp::Sort(_)
        | DataOp::TopK(_)
        | DataOp::Cholesky(_)
        | DataOp::TriangularSolve(_)
        | DataOp::Solve(_)
        | DataOp::StopGradient(_) => {}
    }
    true
}

fn narrow_control(
    op: &mut ControlOp,
    location: Option<&'static std::panic::Location<'static>>,
) -> Result<(), Error> {
    let inner = |sub: &mut SubProgram| -> Result<(), Error> {
        let mut program = Program::clone(sub);
        narrow_program(&mut program)?;
        *sub = Arc::new(program);
        Ok(())
    };
    match op {
        ControlOp::Call(Call { program, .. })
        | ControlOp::Checkpoint(Checkpoint { program, .. }) => inner(program),
        ControlOp::Cond(Cond { branches }) => branches.iter_mut().try_for_each(inner),
        ControlOp::While(While { cond, body, .. }) => {
            inner(cond)?;
            inner(body)
        }
        ControlOp::Scan(Scan { body, .. }) => inner(body),
        ControlOp::ScatterApply(ScatterApply { update, .. }) => inner(update),
        ControlOp::Collective(_) => Ok(()),
        ControlOp::CustomJvpCall(CustomJvpCall { program, rule, .. })
        | ControlOp::CustomVjpCall(CustomVjpCall { program, rule, .. }) => {
            *rule = rule.map(|programs| {
                let mut programs: RulePrograms = programs.iter().cloned().collect();
                programs.iter_mut().try_for_each(inner)?;
                Ok(programs)
            });
            inner(program)
        }
        ControlOp::CustomLin(CustomLin { backward, .. }) => inner(backward),
        ControlOp::HostCall(_) | ControlOp::CustomVmapCall(_) => {
            let detail = "its function states its types itself; trace it with 32-bit types";
            let kind = OpErrorKind::parameter(detail);
            Err(OpError::at("narrowed", kind, location).into())
        }
    }
}
