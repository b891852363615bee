//! Parameters on their way out of text.

use std::fmt;
use std::str::FromStr;

use crate::array::{DType, Shape, TensorType};
use crate::callback::Callback;
use crate::error::{At, ParseError};
use crate::program::{CustomRule, SubProgram};

/// The value of one parameter.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// `None`, `True`, an element type, a name.
    Word(String),
    /// A number as it is written.
    Number(String),
    /// A text in quotes.
    Text(String),
    /// Values in round brackets.
    Tuple(Vec<Value>),
    /// Values in square brackets.
    List(Vec<Value>),
    /// `Name(key=value, ..)`.
    Record(String, Vec<(String, Value)>),
    /// `ShapedArray(float32[3])`.
    Aval(TensorType),
    /// A program in braces.
    Program(SubProgram),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |items: &[Value]| {
            items
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        };
        match self {
            Value::Word(text) | Value::Number(text) => f.write_str(text),
            Value::Text(text) => write!(f, "{text:?}"),
            Value::Tuple(items) if items.len() == 1 => write!(f, "({},)", join(items)),
            Value::Tuple(items) => write!(f, "({})", join(items)),
            Value::List(items) => write!(f, "[{}]", join(items)),
            Value::Record(name, _) => write!(f, "{name}(..)"),
            Value::Aval(ty) => write!(f, "ShapedArray({ty})"),
            Value::Program(_) => f.write_str("{ lambda .. }"),
        }
    }
}

impl Value {
    fn number<T: FromStr>(&self) -> Option<T> {
        match self {
            Value::Number(text) => text.parse().ok(),
            _ => None,
        }
    }

    fn items(&self) -> Option<&[Value]> {
        match self {
            Value::Tuple(items) | Value::List(items) => Some(items),
            _ => None,
        }
    }

    fn boolean(&self) -> Option<bool> {
        match self {
            Value::Word(word) if word == "True" => Some(true),
            Value::Word(word) if word == "False" => Some(false),
            _ => None,
        }
    }

    pub(crate) fn shape(&self) -> Option<Shape> {
        self.items()?.iter().map(Value::number).collect()
    }

    fn name(&self) -> Option<&str> {
        match self {
            Value::Word(text) | Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Parameters in JAX's text that say how something is computed, not what: accuracies, layouts, devices, hints.
const ADVICE: [&str; 16] = [
    "accuracy",
    "branches_platforms",
    "compiler_options_kvs",
    "ctx_mesh",
    "donated_invars",
    "in_layouts",
    "in_shardings",
    "indices_are_sorted",
    "inline",
    "keep_unused",
    "out_layouts",
    "out_sharding",
    "out_shardings",
    "precision",
    "sharding",
    "unique_indices",
];

/// What the text calls by name.
pub(crate) trait Known {
    /// The callback of this name.
    fn callback(&self, name: &str) -> Option<&Callback>;
    /// The `custom_vmap` rule of this name.
    fn rule(&self, name: &str) -> Option<&CustomRule>;
    /// The program that a `let` gave this name.
    fn program(&self, name: &str) -> Option<&SubProgram>;
    /// How many lanes the mapped axis of this name has.
    fn axis_size(&self, name: &str) -> Option<usize>;
}

/// One equation's parameters, which its operation takes out one by one.
pub(crate) struct Given<'a> {
    /// The types of the equation's results.
    pub(crate) results: &'a [TensorType],
    known: &'a dyn Known,
    operation: String,
    at: At,
    entries: Vec<(String, Value, At)>,
}

impl<'a> Given<'a> {
    /// No parameters yet of the operation with this name, which stands at this place.
    pub(crate) fn new(
        operation: &str,
        at: At,
        results: &'a [TensorType],
        known: &'a dyn Known,
    ) -> Self {
        Given {
            results,
            known,
            operation: operation.to_owned(),
            at,
            entries: Vec::new(),
        }
    }

    /// Where the operation stands.
    pub(crate) fn at(&self) -> At {
        self.at
    }

    /// Adds a parameter that was read.
    pub(crate) fn push(&mut self, key: &str, value: Value, at: At) -> Result<(), ParseError> {
        if self.has(key) {
            return Err(self.unknown(key, at));
        }
        self.entries.push((key.to_owned(), value, at));
        Ok(())
    }

    /// Whether a parameter is there.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(other, _, _)| other == key)
    }

    /// Whether a parameter is there and is written so.
    pub(crate) fn shows(&self, key: &str, text: &str) -> bool {
        self.entries
            .iter()
            .any(|(other, value, _)| other == key && value.to_string() == text)
    }

    fn unknown(&self, key: &str, at: At) -> ParseError {
        let At { line, column } = at;
        let (operation, parameter) = (self.operation.clone(), key.to_owned());
        ParseError::UnknownParameter {
            line,
            column,
            operation,
            parameter,
        }
    }

    /// The error of a name that no operation has.
    pub(crate) fn unknown_operation(&self) -> ParseError {
        let At { line, column } = self.at;
        ParseError::UnknownOperation {
            line,
            column,
            name: self.operation.clone(),
        }
    }

    /// That nothing is left but what JAX writes as advice to its compilers.
    pub(crate) fn finish(self) -> Result<(), ParseError> {
        let said = |(key, _, _): &&(String, Value, At)| !ADVICE.contains(&key.as_str());
        match self.entries.iter().find(said) {
            Some((key, _, at)) => Err(self.unknown(key, *at)),
            None => Ok(()),
        }
    }

    /// A parameter that may be missing.
    pub(crate) fn optional(&mut self, key: &str) -> Option<(Value, At)> {
        let index = self.entries.iter().position(|(other, _, _)| other == key)?;
        let (_, value, at) = self.entries.swap_remove(index);
        Some((value, at))
    }

    /// A parameter that must be there.
    pub(crate) fn take(&mut self, key: &str) -> Result<(Value, At), ParseError> {
        self.optional(key).ok_or_else(|| {
            let At { line, column } = self.at;
            let (operation, parameter) = (self.operation.clone(), key.to_owned());
            ParseError::MissingParameter {
                line,
                column,
                operation,
                parameter,
            }
        })
    }

    /// A parameter read by `read`, which is described by `expected`.
    pub(crate) fn read<T>(
        &mut self,
        key: &str,
        expected: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<T, ParseError> {
        let (value, at) = self.take(key)?;
        read(&value).ok_or_else(|| {
            ParseError::unexpected(at, format!("{expected} for `{key}`"), format!("`{value}`"))
        })
    }

    /// A parameter that JAX shows and that has one value here; it may be missing.
    pub(crate) fn fixed(&mut self, key: &str, expected: &str) -> Result<(), ParseError> {
        match self.optional(key) {
            Some((value, at)) if value.to_string() != expected => Err(ParseError::unexpected(
                at,
                format!("`{expected}` for `{key}`"),
                format!("`{value}`"),
            )),
            _ => Ok(()),
        }
    }

    pub(crate) fn number<T: FromStr>(&mut self, key: &str) -> Result<T, ParseError> {
        self.read(key, "a number in range", Value::number)
    }

    pub(crate) fn boolean(&mut self, key: &str) -> Result<bool, ParseError> {
        self.read(key, "`True` or `False`", Value::boolean)
    }

    pub(crate) fn optional_boolean(&mut self, key: &str) -> Result<Option<bool>, ParseError> {
        if self.has(key) {
            self.boolean(key).map(Some)
        } else {
            Ok(None)
        }
    }

    pub(crate) fn shape(&mut self, key: &str) -> Result<Shape, ParseError> {
        self.read(key, "a tuple of numbers", Value::shape)
    }

    /// A tuple of numbers that is empty where it is missing.
    pub(crate) fn optional_shape(&mut self, key: &str) -> Result<Shape, ParseError> {
        if self.has(key) {
            self.shape(key)
        } else {
            Ok(Shape::new())
        }
    }

    pub(crate) fn dtype(&mut self, key: &str) -> Result<DType, ParseError> {
        self.read(key, "an element type", |value| {
            value.name().and_then(DType::from_name)
        })
    }

    pub(crate) fn name(&mut self, key: &str) -> Result<String, ParseError> {
        self.read(key, "a name", |value| value.name().map(ToOwned::to_owned))
    }

    /// One name, or a tuple of names.
    pub(crate) fn names(&mut self, key: &str) -> Result<Vec<String>, ParseError> {
        self.read(key, "a name or a tuple of names", |value| {
            match value.items() {
                Some(items) => items
                    .iter()
                    .map(|item| item.name().map(ToOwned::to_owned))
                    .collect(),
                None => value.name().map(|name| vec![name.to_owned()]),
            }
        })
    }

    /// The sizes of mapped axes that the text names without saying them.
    pub(crate) fn axis_sizes(&self, names: &[String]) -> Result<Shape, ParseError> {
        let size = |name: &String| {
            self.known.axis_size(name).ok_or_else(|| {
                let At { line, column } = self.at;
                let name = name.clone();
                ParseError::UnknownAxis { line, column, name }
            })
        };
        names.iter().map(size).collect()
    }

    /// A tuple of tuples of `N` numbers.
    pub(crate) fn rows<T: FromStr + Copy, const N: usize>(
        &mut self,
        key: &str,
    ) -> Result<Vec<[T; N]>, ParseError> {
        let row = |value: &Value| {
            <[T; N]>::try_from(
                value
                    .items()?
                    .iter()
                    .map(Value::number)
                    .collect::<Option<Vec<T>>>()?,
            )
            .ok()
        };
        self.read(key, &format!("a tuple of tuples of {N} numbers"), |value| {
            value.items()?.iter().map(row).collect()
        })
    }

    pub(crate) fn avals(&mut self, key: &str) -> Result<Vec<TensorType>, ParseError> {
        let aval = |value: &Value| match value {
            Value::Aval(ty) => Some(ty.clone()),
            _ => None,
        };
        self.read(
            key,
            "a tuple of types such as `(ShapedArray(float32[3]),)`",
            |value| value.items()?.iter().map(aval).collect(),
        )
    }

    /// `(([1], [0]), ([], []))`.
    pub(crate) fn dot_dims(&mut self, key: &str) -> Result<[[Shape; 2]; 2], ParseError> {
        fn pair<T>(value: &Value, read: impl Fn(&Value) -> Option<T>) -> Option<[T; 2]> {
            match value.items()? {
                [lhs, rhs] => Some([read(lhs)?, read(rhs)?]),
                _ => None,
            }
        }
        self.read(key, "numbers such as `(([1], [0]), ([], []))`", |value| {
            pair(value, |v| pair(v, Value::shape))
        })
    }

    /// The shapes of the fields of `name(..)`, in order.
    pub(crate) fn record<const N: usize>(
        &mut self,
        key: &str,
        name: &str,
        fields: [&str; N],
    ) -> Result<[Shape; N], ParseError> {
        let expected = format!("`{name}({}=..)`", fields.join("=.., "));
        self.read(key, &expected, |value| {
            let Value::Record(found, entries) = value else {
                return None;
            };
            if found != name || entries.len() != N {
                return None;
            }
            let shapes = fields
                .iter()
                .map(|field| entries.iter().find(|(k, _)| k == field)?.1.shape());
            <[Shape; N]>::try_from(shapes.collect::<Option<Vec<Shape>>>()?).ok()
        })
    }

    /// The one result the operation has.
    pub(crate) fn single(&self) -> Result<&'a TensorType, ParseError> {
        match self.results {
            [result] => Ok(result),
            results => Err(ParseError::mismatch(
                self.at,
                "the number of results",
                &1,
                &results.len(),
            )),
        }
    }

    /// A program.
    pub(crate) fn sub_program(&mut self, key: &str) -> Result<SubProgram, ParseError> {
        let (value, at) = self.take(key)?;
        self.resolve(value, at)
    }

    /// A program, in full or by its name.
    pub(crate) fn resolve(&self, value: Value, at: At) -> Result<SubProgram, ParseError> {
        match value {
            Value::Program(program) => Ok(program),
            Value::Word(name) => self.known.program(&name).cloned().ok_or_else(|| {
                let At { line, column } = at;
                ParseError::UnknownProgram { line, column, name }
            }),
            value => Err(ParseError::unexpected(
                at,
                "a program or a program's name",
                format!("`{value}`"),
            )),
        }
    }

    /// The callback that `key` names, and where it does.
    pub(crate) fn callback(&mut self, key: &str) -> Result<(Callback, At), ParseError> {
        let (name, at) = self.named(key, "a callback's name")?;
        match self.known.callback(&name) {
            Some(callback) => Ok((callback.clone(), at)),
            None => {
                let At { line, column } = at;
                Err(ParseError::UnknownCallback { line, column, name })
            }
        }
    }

    /// The `custom_vmap` rule that `key` names.
    pub(crate) fn rule(&mut self, key: &str) -> Result<CustomRule, ParseError> {
        let (name, at) = self.named(key, "a rule's name")?;
        self.known.rule(&name).cloned().ok_or_else(|| {
            let At { line, column } = at;
            ParseError::UnknownRule { line, column, name }
        })
    }

    fn named(&mut self, key: &str, expected: &str) -> Result<(String, At), ParseError> {
        match self.take(key)? {
            (Value::Word(name) | Value::Text(name), at) => Ok((name, at)),
            (value, at) => Err(ParseError::unexpected(at, expected, format!("`{value}`"))),
        }
    }
}

/// That two lists of types agree in length, element types and shapes.
pub(crate) fn check_types(
    item: &str,
    owner: &str,
    expected: &[TensorType],
    found: &[TensorType],
    at: At,
) -> Result<(), ParseError> {
    if expected.len() != found.len() {
        return Err(ParseError::mismatch(
            at,
            format!("the number of {item}s of `{owner}`"),
            &expected.len(),
            &found.len(),
        ));
    }
    for (i, (expected, found)) in expected.iter().zip(found).enumerate() {
        if !expected.same_layout(found) {
            return Err(ParseError::mismatch(
                at,
                format!("{item} {i} of `{owner}`"),
                &expected,
                &found,
            ));
        }
    }
    Ok(())
}
