//! Derivatives of boxes read and written at run-time positions.

use smallvec::smallvec;

use crate::error::Error;
use crate::ops::derivative::{all_zero, not_linear};
use crate::ops::rule::{Derivative, LinearInput, Outputs, Tangents};
use crate::program::{Atom, Atoms, DynamicSlice, DynamicUpdateSlice};

/// The starts among the operands from `from` on; `None` where one of them is not known.
fn starts(inputs: &[LinearInput], from: usize) -> Option<Atoms> {
    inputs[from..].iter().map(LinearInput::known).collect()
}

impl Derivative for DynamicSlice {
    fn jvp(
        &self,
        cx: &mut dyn Tangents,
        primals: &[Atom],
        _results: &[Atom],
        tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        let Some(tangent) = tangents[0] else {
            return Ok(all_zero(1));
        };
        let mut atoms: Atoms = smallvec![tangent];
        atoms.extend_from_slice(&primals[1..]);
        Ok(smallvec![Some(cx.emit1(self.clone(), atoms)?)])
    }

    fn transpose(
        &self,
        cx: &mut dyn Tangents,
        cotangents: &[Option<Atom>],
        inputs: &[LinearInput],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        let (Some(starts), Some(ty)) = (starts(inputs, 1), inputs[0].linear()) else {
            return not_linear(cx, self.clone(), inputs);
        };
        let mut answer = all_zero(inputs.len());
        if let Some(cotangent) = cotangents[0] {
            let mut atoms: Atoms = smallvec![cx.zeros(ty)?, cotangent];
            atoms.extend(starts);
            answer[0] = Some(cx.emit1(DynamicUpdateSlice, atoms)?);
        }
        Ok(answer)
    }
}

impl Derivative for DynamicUpdateSlice {
    fn jvp(
        &self,
        cx: &mut dyn Tangents,
        primals: &[Atom],
        _results: &[Atom],
        tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        let types = [cx.atom_type(&primals[0]), cx.atom_type(&primals[1])];
        let mut atoms = Atoms::new();
        for (&tangent, ty) in tangents.iter().zip(&types) {
            atoms.push(cx.written(tangent, ty)?);
        }
        atoms.extend_from_slice(&primals[2..]);
        Ok(smallvec![Some(cx.emit1(DynamicUpdateSlice, atoms)?)])
    }

    fn transpose(
        &self,
        cx: &mut dyn Tangents,
        cotangents: &[Option<Atom>],
        inputs: &[LinearInput],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        let Some(starts) = starts(inputs, 2) else {
            return not_linear(cx, DynamicUpdateSlice, inputs);
        };
        let mut answer = all_zero(inputs.len());
        let Some(cotangent) = cotangents[0] else {
            return Ok(answer);
        };
        let update = inputs[1].ty(cx);
        if inputs[0].is_linear() {
            let mut atoms: Atoms = smallvec![cotangent, cx.zeros(&update)?];
            atoms.extend_from_slice(&starts);
            answer[0] = Some(cx.emit1(DynamicUpdateSlice, atoms)?);
        }
        if inputs[1].is_linear() {
            let mut atoms: Atoms = smallvec![cotangent];
            atoms.extend(starts);
            let sizes = update.shape;
            answer[1] = Some(cx.emit1(DynamicSlice { sizes }, atoms)?);
        }
        Ok(answer)
    }
}
