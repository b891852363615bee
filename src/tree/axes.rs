//! Axes given as prefix trees.

use std::collections::BTreeMap;
use std::fmt;

use super::{Path, TreeDef, TreeError};

/// Which axis of each leaf is mapped: one axis for a whole subtree, `None` for not mapped, or a container with an
/// entry per child.
///
/// ```
/// use elimap::{Axes, IntoAxes};
/// assert_eq!((0, None).into_axes(), Axes::Tuple(vec![Axes::Axis(0), Axes::None]));
/// assert_eq!((0, None).into_axes().to_string(), "(0, None)");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Axes {
    /// Mapped over this axis; a negative axis counts from the end.
    Axis(isize),
    /// Not mapped.
    None,
    /// One entry per tuple position.
    Tuple(Vec<Axes>),
    /// One entry per list position.
    List(Vec<Axes>),
    /// One entry per dictionary key or struct field.
    Dict(BTreeMap<String, Axes>),
}

impl Axes {
    /// The entry for each leaf of `def`, in leaf order.
    ///
    /// # Errors
    ///
    /// [`TreeError::NotPrefix`] where a container meets another container or a leaf.
    ///
    /// ```
    /// use elimap::{IntoAxes, TreeDef};
    /// let def = TreeDef::Tuple(vec![TreeDef::List(vec![TreeDef::Leaf; 2]), TreeDef::Leaf]);
    /// assert_eq!((0, None).into_axes().broadcast(&def, "out_axes")?, [Some(0), Some(0), None]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn broadcast(
        &self,
        def: &TreeDef,
        what: &'static str,
    ) -> Result<Vec<Option<isize>>, TreeError> {
        let mut out = Vec::with_capacity(def.leaf_count());
        self.visit(def, what, &Path::root(what), &mut out)?;
        Ok(out)
    }

    /// The entry for each leaf of a tuple of arguments, where a top-level list counts as a tuple (rule V2).
    ///
    /// # Errors
    ///
    /// [`TreeError::InAxesLength`] for another number of entries than arguments, [`TreeError::NotPrefix`] as above.
    ///
    /// ```
    /// use elimap::{IntoAxes, TreeDef};
    /// let args = TreeDef::Tuple(vec![TreeDef::Leaf; 2]);
    /// assert_eq!([0, 1].into_axes().broadcast_args(&args)?, [Some(0), Some(1)]);
    /// assert!([0].into_axes().broadcast_args(&args).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn broadcast_args(&self, args: &TreeDef) -> Result<Vec<Option<isize>>, TreeError> {
        const WHAT: &str = "in_axes";
        if let (Axes::Tuple(entries) | Axes::List(entries), TreeDef::Tuple(items)) = (self, args) {
            if entries.len() != items.len() {
                return Err(TreeError::InAxesLength {
                    axes: entries.len(),
                    args: items.len(),
                });
            }
            return Axes::Tuple(entries.clone()).broadcast(args, WHAT);
        }
        self.broadcast(args, WHAT)
    }

    fn visit(
        &self,
        def: &TreeDef,
        what: &'static str,
        path: &Path,
        out: &mut Vec<Option<isize>>,
    ) -> Result<(), TreeError> {
        let children = match (self, def) {
            (Axes::Axis(axis), _) => {
                out.extend(std::iter::repeat_n(Some(*axis), def.leaf_count()));
                return Ok(());
            }
            (Axes::None, _) => {
                out.extend(std::iter::repeat_n(None, def.leaf_count()));
                return Ok(());
            }
            (Axes::Tuple(axes), TreeDef::Tuple(items))
            | (Axes::List(axes), TreeDef::List(items))
                if axes.len() == items.len() =>
            {
                axes.iter().collect::<Vec<_>>()
            }
            (Axes::Dict(axes), TreeDef::Dict(items)) if axes.keys().eq(items.keys()) => {
                axes.values().collect()
            }
            (Axes::Dict(axes), TreeDef::Struct(_, fields))
                if axes.len() == fields.len()
                    && fields.iter().all(|(name, _)| axes.contains_key(name)) =>
            {
                fields
                    .iter()
                    .filter_map(|(name, _)| axes.get(name))
                    .collect()
            }
            _ => {
                return Err(TreeError::NotPrefix {
                    what,
                    path: path.clone(),
                    value: def.kind(),
                    axes: self.kind(),
                });
            }
        };
        for (axes, (step, child)) in children.into_iter().zip(def.children()) {
            axes.visit(child, what, &path.join(step), out)?;
        }
        Ok(())
    }

    fn kind(&self) -> String {
        match self {
            Axes::Axis(axis) => format!("the axis {axis}"),
            Axes::None => "None".to_owned(),
            Axes::Tuple(items) => format!("a tuple of {}", items.len()),
            Axes::List(items) => format!("a list of {}", items.len()),
            Axes::Dict(items) => format!(
                "a dictionary with keys {:?}",
                items.keys().collect::<Vec<_>>()
            ),
        }
    }
}

impl fmt::Display for Axes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn items(f: &mut fmt::Formatter<'_>, items: &[Axes]) -> fmt::Result {
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    f.write_str(", ")?;
                }
                write!(f, "{item}")?;
            }
            Ok(())
        }
        match self {
            Axes::Axis(axis) => write!(f, "{axis}"),
            Axes::None => f.write_str("None"),
            Axes::Tuple(axes) => {
                f.write_str("(")?;
                items(f, axes)?;
                f.write_str(if axes.len() == 1 { ",)" } else { ")" })
            }
            Axes::List(axes) => {
                f.write_str("[")?;
                items(f, axes)?;
                f.write_str("]")
            }
            Axes::Dict(axes) => {
                f.write_str("{")?;
                for (i, (key, axis)) in axes.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{key:?}: {axis}")?;
                }
                f.write_str("}")
            }
        }
    }
}

/// A value that can be given as `in_axes` or `out_axes`.
///
/// Implemented for `isize` (so that a bare `0` infers), `Option<isize>` (so that a bare `None` does), tuples, arrays,
/// `Vec`, `BTreeMap<String, _>` and [`Axes`] itself.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be given as in_axes or out_axes",
    note = "give an axis such as `0` or `-1`, `None`, or a tuple, Vec or BTreeMap of them"
)]
pub trait IntoAxes {
    /// The axes as a tree.
    fn into_axes(self) -> Axes;
}

impl IntoAxes for Axes {
    fn into_axes(self) -> Axes {
        self
    }
}
impl IntoAxes for isize {
    fn into_axes(self) -> Axes {
        Axes::Axis(self)
    }
}
impl IntoAxes for Option<isize> {
    fn into_axes(self) -> Axes {
        self.map_or(Axes::None, Axes::Axis)
    }
}
impl<A: IntoAxes> IntoAxes for Vec<A> {
    fn into_axes(self) -> Axes {
        Axes::List(self.into_iter().map(IntoAxes::into_axes).collect())
    }
}
impl<A: IntoAxes, const N: usize> IntoAxes for [A; N] {
    fn into_axes(self) -> Axes {
        Axes::List(self.into_iter().map(IntoAxes::into_axes).collect())
    }
}
impl<A: IntoAxes> IntoAxes for BTreeMap<String, A> {
    fn into_axes(self) -> Axes {
        Axes::Dict(self.into_iter().map(|(k, a)| (k, a.into_axes())).collect())
    }
}

macro_rules! tuple_axes {
    ($($name:ident)*) => {
        impl<$($name: IntoAxes),*> IntoAxes for ($($name,)*) {
            #[allow(non_snake_case)]
            fn into_axes(self) -> Axes {
                let ($($name,)*) = self;
                Axes::Tuple(vec![$($name.into_axes()),*])
            }
        }
    };
}
tuple_axes!();
tuple_axes!(A0);
tuple_axes!(A0 A1);
tuple_axes!(A0 A1 A2);
tuple_axes!(A0 A1 A2 A3);
tuple_axes!(A0 A1 A2 A3 A4);
tuple_axes!(A0 A1 A2 A3 A4 A5);
tuple_axes!(A0 A1 A2 A3 A4 A5 A6);
tuple_axes!(A0 A1 A2 A3 A4 A5 A6 A7);
