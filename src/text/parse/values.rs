//! Reading the values of parameters.

use std::sync::Arc;

use super::Parser;
use super::lexer::Token;
use crate::error::{At, ParseError};
use crate::program::text::Value;

impl<'t> Parser<'_, 't> {
    /// `[key=value ..]`
    pub(super) fn params(&mut self) -> Result<Vec<(&'t str, Value, At)>, ParseError> {
        let mut params = Vec::new();
        self.mark('[')?;
        while *self.peek() != Token::Mark(']') {
            let at = self.at();
            let key = self.word("a parameter or `]`")?;
            self.mark('=')?;
            params.push((key, self.value()?, at));
        }
        self.mark(']')?;
        Ok(params)
    }

    fn value(&mut self) -> Result<Value, ParseError> {
        let value = match self.peek().clone() {
            Token::Mark('{') => return Ok(Value::Program(Arc::new(self.program()?))),
            Token::Word("let") => return Ok(Value::Program(Arc::new(self.shared_program()?))),
            Token::Mark('(') => return Ok(Value::Tuple(self.values(')')?)),
            Token::Mark('[') => return Ok(Value::List(self.values(']')?)),
            Token::Word(name) if *self.peek_after() == Token::Mark('(') => {
                return self.record(name);
            }
            Token::Word(name) if self.named_values_follow() => return self.named_values(name),
            Token::Number(text) => Value::Number(text.to_owned()),
            Token::Word(text) => Value::Word(text.to_owned()),
            Token::Text(text) => Value::Text(text),
            _ => return Err(self.unexpected("a value")),
        };
        self.advance();
        Ok(value)
    }

    /// Values in brackets, with commas or, as between branches, without.
    fn values(&mut self, close: char) -> Result<Vec<Value>, ParseError> {
        self.descend()?;
        self.advance();
        let mut values = Vec::new();
        while *self.peek() != Token::Mark(close) {
            values.push(self.value()?);
            if *self.peek() == Token::Mark(',') {
                self.advance();
            }
        }
        self.mark(close)?;
        self.depth -= 1;
        Ok(values)
    }

    /// Whether the next tokens are a name and `[{'`, as JAX shows operations that are Python objects.
    fn named_values_follow(&self) -> bool {
        let token = |k: usize| self.tokens.get(self.next + k).map(|lexeme| &lexeme.token);
        token(1) == Some(&Token::Mark('['))
            && token(2) == Some(&Token::Mark('{'))
            && matches!(token(3), Some(Token::Text(_)))
    }

    /// `Name[{'key': value, ..}]`, the next token being the name.
    fn named_values(&mut self, name: &str) -> Result<Value, ParseError> {
        self.descend()?;
        self.advance();
        self.mark('[')?;
        self.mark('{')?;
        let mut fields = Vec::new();
        while *self.peek() != Token::Mark('}') {
            let Token::Text(key) = self.peek().clone() else {
                return Err(self.unexpected("a name in quotes or `}`"));
            };
            self.advance();
            self.mark(':')?;
            fields.push((key, self.value()?));
            if *self.peek() == Token::Mark(',') {
                self.advance();
            }
        }
        self.mark('}')?;
        self.mark(']')?;
        self.depth -= 1;
        Ok(Value::Record(name.to_owned(), fields))
    }

    /// `Name(..)`, the next token being the name.
    fn record(&mut self, name: &str) -> Result<Value, ParseError> {
        self.descend()?;
        self.advance();
        self.mark('(')?;
        let value = if name == "ShapedArray" {
            Value::Aval(self.tensor_type()?)
        } else if name.starts_with("np.") {
            // JAX lets numpy's integers through as `np.int64(1)` (rule P8).
            self.value()?
        } else if name == "frozenset" {
            // `frozenset({'a', 'b'})`, or nothing where it is empty.
            match *self.peek() {
                Token::Mark('{') => Value::Tuple(self.values('}')?),
                _ => Value::Tuple(Vec::new()),
            }
        } else {
            let mut fields = Vec::new();
            while *self.peek() != Token::Mark(')') {
                let key = self.word("a field or `)`")?.to_owned();
                self.mark('=')?;
                fields.push((key, self.value()?));
                if *self.peek() == Token::Mark(',') {
                    self.advance();
                }
            }
            Value::Record(name.to_owned(), fields)
        };
        self.mark(')')?;
        self.depth -= 1;
        Ok(value)
    }
}
