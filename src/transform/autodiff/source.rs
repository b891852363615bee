//! Functions that are differentiated, and the trees of tangents and cotangents that belong to their arguments and results.

use crate::array::{Array, DType, TensorType};
use crate::error::{AutodiffError, Error};
use crate::program::{Program, Var};
use crate::tensor::{Caller, Flatten, Func, Tensor, Traced, Tree, trace_dynamic};
use crate::tree::{Path, TreeDef};

/// A traced function.
pub(super) struct Source {
    /// Arguments, then values of enclosing traces, which are constants to a derivative.
    pub(super) program: Program,
    /// The variables of the enclosing trace that the last inputs are.
    pub(super) captures: Vec<Var>,
    /// The structure of what is differentiated.
    pub(super) value: TreeDef,
    /// The structure of what is returned beside it.
    pub(super) aux: TreeDef,
}

impl Source {
    /// Traces a function whose results `divide` splits into what is differentiated and what is returned beside it.
    pub(super) fn trace<A: Tree, By, F: Func<A, By>, V: Tree, X: Tree>(
        function: &F,
        def: &TreeDef,
        leaves: &[Tensor],
        location: Caller,
        divide: impl FnOnce(F::Out) -> (V, X),
    ) -> Result<Self, Error> {
        let mut types = Vec::with_capacity(leaves.len());
        for leaf in leaves {
            types.push(leaf.clone().check()?.ty().clone());
        }
        let (traced, (value, aux)) = trace_dynamic(&types, None, location, |inputs| {
            let args = A::unflatten(def, &mut inputs.into_iter(), &Path::root("args"))?;
            let (value, aux) = divide(function.invoke(args)?);
            let mut leaves = Vec::new();
            let value = value.flatten(&mut leaves);
            let aux = aux.flatten(&mut leaves);
            Ok((leaves, (value, aux)))
        })?;
        let Traced { program, captures } = traced;
        Ok(Source {
            program,
            captures,
            value,
            aux,
        })
    }

    /// As [`Source::trace`], where everything returned is differentiated.
    pub(super) fn whole<A: Tree, By, F: Func<A, By>>(
        function: &F,
        def: &TreeDef,
        leaves: &[Tensor],
        location: Caller,
    ) -> Result<Self, Error> {
        Source::trace(function, def, leaves, location, |out| (out, ()))
    }

    /// Flags of the program's inputs from those of the arguments' leaves.
    pub(super) fn inputs(&self, leaves: &[bool]) -> Vec<bool> {
        let mut flags = leaves.to_vec();
        flags.resize(self.program.inputs().len(), false);
        flags
    }

    /// The types of what is differentiated.
    pub(super) fn value_types(&self) -> Vec<TensorType> {
        let mut types = self.program.output_types();
        types.truncate(self.value.leaf_count());
        types
    }
}

/// The zero tangent of an integer or boolean, JAX's `float0`: `false` at every place.
pub(crate) fn float0(ty: &TensorType) -> Tensor {
    Tensor::concrete(Array::zeros(DType::Bool, &ty.shape), false)
}

/// What tangents or cotangents are called, and what they belong to.
#[derive(Clone, Copy)]
pub(crate) struct Belonging {
    pub(crate) what: &'static str,
    pub(crate) of: &'static str,
}

pub(super) const TANGENTS: Belonging = Belonging {
    what: "tangents",
    of: "arguments",
};
pub(super) const COTANGENTS: Belonging = Belonging {
    what: "cotangents",
    of: "results",
};

/// The leaves of tangents given for values of this structure and these types: those of floating leaves, in order. Integers and
/// booleans take `None` or booleans of their shape.
pub(super) fn tangent_leaves(
    belonging: Belonging,
    def: &TreeDef,
    types: &[TensorType],
    given: &impl Flatten,
) -> Result<Vec<Tensor>, Error> {
    let mut leaves = Vec::new();
    let found = given.flatten(&mut leaves);
    let mut walk = Walk {
        belonging,
        types: types.iter(),
        leaves: leaves.into_iter(),
        zero_subtrees: false,
        out: Vec::new(),
    };
    walk.visit(def, &found, &Path::root(belonging.what))?;
    Ok(walk.out.into_iter().flatten().collect())
}

/// As [`tangent_leaves`], where `None` stands for zeros of a whole subtree; one entry per floating leaf.
pub(crate) fn sparse_leaves(
    belonging: Belonging,
    def: &TreeDef,
    types: &[TensorType],
    given: &impl Flatten,
) -> Result<Vec<Option<Tensor>>, Error> {
    let mut leaves = Vec::new();
    let found = given.flatten(&mut leaves);
    let mut walk = Walk {
        belonging,
        types: types.iter(),
        leaves: leaves.into_iter(),
        zero_subtrees: true,
        out: Vec::new(),
    };
    walk.visit(def, &found, &Path::root(belonging.what))?;
    Ok(walk.out)
}

struct Walk<'a> {
    belonging: Belonging,
    types: std::slice::Iter<'a, TensorType>,
    leaves: std::vec::IntoIter<Tensor>,
    zero_subtrees: bool,
    out: Vec<Option<Tensor>>,
}

impl Walk<'_> {
    fn mismatch<T>(
        &self,
        path: &Path,
        expected: impl ToString,
        actual: impl ToString,
    ) -> Result<T, Error> {
        Err(AutodiffError::TangentMismatch {
            what: self.belonging.what,
            of: self.belonging.of,
            path: path.clone(),
            expected: expected.to_string(),
            actual: actual.to_string(),
        }
        .into())
    }

    fn visit(&mut self, def: &TreeDef, given: &TreeDef, path: &Path) -> Result<(), Error> {
        if let TreeDef::Leaf = def {
            return self.leaf(given, path);
        }
        if self.zero_subtrees && matches!(given, TreeDef::None) {
            for _ in 0..def.leaf_count() {
                if self.types.next().is_some_and(|ty| ty.dtype.is_inexact()) {
                    self.out.push(None);
                }
            }
            return Ok(());
        }
        let (ours, theirs) = (def.children(), given.children());
        let alike = std::mem::discriminant(def) == std::mem::discriminant(given)
            && ours.len() == theirs.len()
            && ours.iter().zip(&theirs).all(|(a, b)| a.0 == b.0);
        if !alike {
            return self.mismatch(path, def.kind(), given.kind());
        }
        for ((step, ours), (_, theirs)) in ours.into_iter().zip(theirs) {
            self.visit(ours, theirs, &path.join(step))?;
        }
        Ok(())
    }

    fn leaf(&mut self, given: &TreeDef, path: &Path) -> Result<(), Error> {
        let Some(ty) = self.types.next() else {
            return Ok(());
        };
        match given {
            TreeDef::Leaf => {}
            TreeDef::None if !ty.dtype.is_inexact() => return Ok(()),
            TreeDef::None if self.zero_subtrees => {
                self.out.push(None);
                return Ok(());
            }
            other => return self.mismatch(path, ty, other.kind()),
        }
        let Some(leaf) = self.leaves.next() else {
            return Ok(());
        };
        let leaf = leaf.check()?;
        let found = leaf.ty().clone();
        if !ty.dtype.is_inexact() {
            if found.dtype == DType::Bool && found.shape == ty.shape {
                return Ok(());
            }
            let expected = format!("no tangent, as {ty} has none");
            return self.mismatch(path, expected, found);
        }
        let fits = found.shape == ty.shape
            && (found.dtype == ty.dtype || (found.weak && found.dtype.is_inexact()));
        if !fits {
            return self.mismatch(path, ty.clone().with_weak(false), found.with_weak(false));
        }
        let leaf = if found.dtype == ty.dtype {
            leaf
        } else {
            leaf.astype(ty.dtype)
        };
        self.out.push(Some(leaf));
        Ok(())
    }
}

/// Puts zeros of booleans in the places of integers: a whole tree's leaves from those of its floating ones.
pub(super) fn with_float0(
    types: &[TensorType],
    floating: impl IntoIterator<Item = Tensor>,
) -> Vec<Tensor> {
    let mut floating = floating.into_iter();
    let next = |ty: &TensorType| match ty.dtype.is_inexact() {
        true => floating.next(),
        false => Some(float0(ty)),
    };
    types.iter().filter_map(next).collect()
}
