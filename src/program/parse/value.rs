//! Parameter values, before an operation says what they mean.

use std::fmt;
use std::str::FromStr;

use crate::array::{DType, Shape, TensorType};
use crate::error::{At, ParseError};
use crate::program::SubProgram;

/// The value of one parameter.
#[derive(Clone, Debug)]
pub(super) enum Value {
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

    fn shape(&self) -> Option<Shape> {
        self.items()?.iter().map(Value::number).collect()
    }

    fn name(&self) -> Option<&str> {
        match self {
            Value::Word(text) | Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// One operation's parameters, taken out one by one.
pub(super) struct Params {
    operation: String,
    at: At,
    entries: Vec<(String, Value, At)>,
}

impl Params {
    /// The parameters of the operation with this name, which stands at this place.
    pub(super) fn new(operation: &str, at: At) -> Params {
        Params {
            operation: operation.to_owned(),
            at,
            entries: Vec::new(),
        }
    }

    /// Where the operation stands.
    pub(super) fn at(&self) -> At {
        self.at
    }

    /// Adds a parameter that was read.
    pub(super) fn push(&mut self, key: &str, value: Value, at: At) -> Result<(), ParseError> {
        if self.has(key) {
            return Err(self.unknown(key, at));
        }
        self.entries.push((key.to_owned(), value, at));
        Ok(())
    }

    /// Whether a parameter is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(other, _, _)| other == key)
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

    /// That nothing is left.
    pub(super) fn finish(self) -> Result<(), ParseError> {
        match self.entries.first() {
            Some((key, _, at)) => Err(self.unknown(key, *at)),
            None => Ok(()),
        }
    }

    /// A parameter that may be missing.
    pub(super) fn optional(&mut self, key: &str) -> Option<(Value, At)> {
        let index = self.entries.iter().position(|(other, _, _)| other == key)?;
        let (_, value, at) = self.entries.swap_remove(index);
        Some((value, at))
    }

    /// A parameter that must be there.
    pub(super) fn take(&mut self, key: &str) -> Result<(Value, At), ParseError> {
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
    pub(super) fn read<T>(
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
    pub(super) fn fixed(&mut self, key: &str, expected: &str) -> Result<(), ParseError> {
        match self.optional(key) {
            Some((value, at)) if value.to_string() != expected => Err(ParseError::unexpected(
                at,
                format!("`{expected}` for `{key}`"),
                format!("`{value}`"),
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn number<T: FromStr>(&mut self, key: &str) -> Result<T, ParseError> {
        self.read(key, "a number in range", Value::number)
    }

    pub(super) fn boolean(&mut self, key: &str) -> Result<bool, ParseError> {
        self.read(key, "`True` or `False`", Value::boolean)
    }

    pub(super) fn optional_boolean(&mut self, key: &str) -> Result<Option<bool>, ParseError> {
        if self.has(key) {
            self.boolean(key).map(Some)
        } else {
            Ok(None)
        }
    }

    pub(super) fn shape(&mut self, key: &str) -> Result<Shape, ParseError> {
        self.read(key, "a tuple of numbers", Value::shape)
    }

    /// A tuple of numbers that is empty where it is missing.
    pub(super) fn optional_shape(&mut self, key: &str) -> Result<Shape, ParseError> {
        if self.has(key) {
            self.shape(key)
        } else {
            Ok(Shape::new())
        }
    }

    pub(super) fn dtype(&mut self, key: &str) -> Result<DType, ParseError> {
        self.read(key, "an element type", |value| {
            value.name().and_then(DType::from_name)
        })
    }

    pub(super) fn name(&mut self, key: &str) -> Result<String, ParseError> {
        self.read(key, "a name", |value| value.name().map(ToOwned::to_owned))
    }

    /// One name, or a tuple of names.
    pub(super) fn names(&mut self, key: &str) -> Result<Vec<String>, ParseError> {
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

    /// A tuple of tuples of `N` numbers.
    pub(super) fn rows<T: FromStr + Copy, const N: usize>(
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

    pub(super) fn avals(&mut self, key: &str) -> Result<Vec<TensorType>, ParseError> {
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
    pub(super) fn dot_dims(&mut self, key: &str) -> Result<[[Shape; 2]; 2], ParseError> {
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
    pub(super) fn record<const N: usize>(
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
}
