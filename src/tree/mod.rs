//! Structures of arguments and results: tree definitions, paths into them, and axes given as prefix trees.
//!
//! A [`TreeDef`] is the shape of a nested value without its leaves. `in_axes` and `out_axes` are [`Axes`]: trees that
//! may stop early, an entry then covering the whole subtree below it (JAX, rules V9 to V12 and V42).

mod axes;

use std::collections::BTreeMap;
use std::fmt;

pub use axes::{Axes, IntoAxes};

/// The structure of a nested value: where its leaves sit, without the leaves themselves.
///
/// Leaves are counted depth first; dictionaries visit their keys in sorted order, structs their fields in
/// declaration order.
///
/// ```
/// use elimap::TreeDef;
/// let def = TreeDef::Tuple(vec![TreeDef::Leaf, TreeDef::None, TreeDef::List(vec![TreeDef::Leaf; 2])]);
/// assert_eq!(def.leaf_count(), 3);
/// assert_eq!(def.to_string(), "(*, None, [*, *])");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TreeDef {
    /// A tensor.
    Leaf,
    /// An absent value; it has no leaves.
    None,
    /// A tuple.
    Tuple(Vec<TreeDef>),
    /// A `Vec` or array.
    List(Vec<TreeDef>),
    /// A `BTreeMap<String, _>`.
    Dict(BTreeMap<String, TreeDef>),
    /// A struct with `#[derive(Tree)]`: its name and its fields.
    Struct(String, Vec<(String, TreeDef)>),
}

impl TreeDef {
    /// The number of leaves.
    ///
    /// ```
    /// use elimap::TreeDef;
    /// assert_eq!(TreeDef::Tuple(vec![TreeDef::Leaf, TreeDef::None]).leaf_count(), 1);
    /// ```
    #[must_use]
    pub fn leaf_count(&self) -> usize {
        match self {
            TreeDef::Leaf => 1,
            TreeDef::None => 0,
            TreeDef::Tuple(items) | TreeDef::List(items) => {
                items.iter().map(TreeDef::leaf_count).sum()
            }
            TreeDef::Dict(items) => items.values().map(TreeDef::leaf_count).sum(),
            TreeDef::Struct(_, fields) => fields.iter().map(|(_, d)| d.leaf_count()).sum(),
        }
    }

    /// The path of every leaf, in leaf order, each starting at `root`.
    ///
    /// ```
    /// use elimap::{Path, TreeDef};
    /// let def = TreeDef::Tuple(vec![TreeDef::Leaf, TreeDef::List(vec![TreeDef::Leaf])]);
    /// let paths: Vec<String> = def.leaf_paths(&Path::root("args")).iter().map(Path::to_string).collect();
    /// assert_eq!(paths, ["args.0", "args.1[0]"]);
    /// ```
    #[must_use]
    pub fn leaf_paths(&self, root: &Path) -> Vec<Path> {
        let mut out = Vec::new();
        self.visit_paths(root, &mut out);
        out
    }

    fn visit_paths(&self, at: &Path, out: &mut Vec<Path>) {
        if let TreeDef::Leaf = self {
            out.push(at.clone());
        }
        for (step, child) in self.children() {
            child.visit_paths(&at.join(step), out);
        }
    }

    /// The direct children with the step that leads to each.
    ///
    /// ```
    /// use elimap::{Step, TreeDef};
    /// let def = TreeDef::List(vec![TreeDef::Leaf, TreeDef::None]);
    /// assert_eq!(def.children()[1], (Step::Index(1), &TreeDef::None));
    /// ```
    #[must_use]
    pub fn children(&self) -> Vec<(Step, &TreeDef)> {
        match self {
            TreeDef::Leaf | TreeDef::None => Vec::new(),
            TreeDef::Tuple(items) => items
                .iter()
                .enumerate()
                .map(|(i, d)| (Step::Field(i.to_string()), d))
                .collect(),
            TreeDef::List(items) => items
                .iter()
                .enumerate()
                .map(|(i, d)| (Step::Index(i), d))
                .collect(),
            TreeDef::Dict(items) => items
                .iter()
                .map(|(k, d)| (Step::Key(k.clone()), d))
                .collect(),
            TreeDef::Struct(_, fields) => fields
                .iter()
                .map(|(k, d)| (Step::Field(k.clone()), d))
                .collect(),
        }
    }

    /// What kind of node this is, for messages.
    ///
    /// ```
    /// use elimap::TreeDef;
    /// assert_eq!(TreeDef::List(vec![TreeDef::Leaf; 2]).kind(), "a list of 2");
    /// ```
    #[must_use]
    pub fn kind(&self) -> String {
        match self {
            TreeDef::Leaf => "a tensor".to_owned(),
            TreeDef::None => "None".to_owned(),
            TreeDef::Tuple(items) => format!("a tuple of {}", items.len()),
            TreeDef::List(items) => format!("a list of {}", items.len()),
            TreeDef::Dict(items) => {
                format!(
                    "a dictionary with keys {:?}",
                    items.keys().collect::<Vec<_>>()
                )
            }
            TreeDef::Struct(name, _) => format!("a struct {name}"),
        }
    }
}

impl fmt::Display for TreeDef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list<T>(
            f: &mut fmt::Formatter<'_>,
            items: impl IntoIterator<Item = T>,
            mut show: impl FnMut(&mut fmt::Formatter<'_>, T) -> fmt::Result,
        ) -> fmt::Result {
            for (i, item) in items.into_iter().enumerate() {
                if i > 0 {
                    f.write_str(", ")?;
                }
                show(f, item)?;
            }
            Ok(())
        }
        match self {
            TreeDef::Leaf => f.write_str("*"),
            TreeDef::None => f.write_str("None"),
            TreeDef::Tuple(items) => {
                f.write_str("(")?;
                list(f, items, |f, d| write!(f, "{d}"))?;
                f.write_str(if items.len() == 1 { ",)" } else { ")" })
            }
            TreeDef::List(items) => {
                f.write_str("[")?;
                list(f, items, |f, d| write!(f, "{d}"))?;
                f.write_str("]")
            }
            TreeDef::Dict(items) => {
                f.write_str("{")?;
                list(f, items, |f, (k, d)| write!(f, "{k:?}: {d}"))?;
                f.write_str("}")
            }
            TreeDef::Struct(name, fields) => {
                write!(f, "{name} {{ ")?;
                list(f, fields, |f, (k, d)| write!(f, "{k}: {d}"))?;
                f.write_str(" }")
            }
        }
    }
}

/// One step down a tree.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// A tuple position or a struct field: `.0`, `.rates`.
    Field(String),
    /// A list position: `[0]`.
    Index(usize),
    /// A dictionary key: `["rates"]`.
    Key(String),
}

/// Where a value sits in a tree, such as `args.0["rates"]`.
///
/// ```
/// use elimap::{Path, Step};
/// let path = Path::root("args").join(Step::Field("0".into())).join(Step::Key("rates".into()));
/// assert_eq!(path.to_string(), r#"args.0["rates"]"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    root: String,
    steps: Vec<Step>,
}

impl Path {
    /// The path of a whole value.
    ///
    /// ```
    /// use elimap::Path;
    /// assert_eq!(Path::root("args").to_string(), "args");
    /// ```
    #[must_use]
    pub fn root(name: &str) -> Self {
        Path {
            root: name.to_owned(),
            steps: Vec::new(),
        }
    }

    /// This path, one step further down.
    ///
    /// ```
    /// use elimap::{Path, Step};
    /// assert_eq!(Path::root("args").join(Step::Index(2)).to_string(), "args[2]");
    /// ```
    #[must_use]
    pub fn join(&self, step: Step) -> Self {
        let mut path = self.clone();
        path.steps.push(step);
        path
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.root)?;
        for step in &self.steps {
            match step {
                Step::Field(name) => write!(f, ".{name}")?,
                Step::Index(i) => write!(f, "[{i}]")?,
                Step::Key(key) => write!(f, "[{key:?}]")?,
            }
        }
        Ok(())
    }
}

/// Two structures that should fit do not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// An axes tree is not a prefix of the value it describes.
    #[error(
        "{what} must be a tree prefix of the value it describes: at {path} the value is {value}, but {what} has {axes}; give one axis for the whole subtree, or the same container"
    )]
    NotPrefix {
        /// `in_axes` or `out_axes`.
        what: &'static str,
        /// Where they differ.
        path: Path,
        /// What the value has there.
        value: String,
        /// What the axes have there.
        axes: String,
    },
    /// `in_axes` is neither one axis nor one entry per argument.
    #[error(
        "in_axes must be one axis, None, or a tuple with one entry per argument, but it has {axes} entries for {args} arguments; give as many entries as arguments"
    )]
    InAxesLength {
        /// Entries given.
        axes: usize,
        /// Arguments given.
        args: usize,
    },
    /// A value had another structure than the one asked for.
    #[error(
        "at {path}: expected {expected}, found {found}; give the structure that the parameter's type names"
    )]
    Structure {
        /// Where.
        path: Path,
        /// The structure asked for.
        expected: String,
        /// The structure found.
        found: String,
    },
}
