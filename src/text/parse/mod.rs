//! Reading programs from their text.
//!
//! The grammar is that of [the printer](super::text), and what the printer leaves out is restored from the binders'
//! types. Line breaks matter in one place, because operands run over several lines: a line that is indented deeper than the
//! equation it follows continues it.
//!
//! The text is not trusted: nesting is bounded, counts are checked before they are used, and nothing panics. The
//! operations' type rules are not applied here; they are [`Program::verify`](crate::Program::verify)'s work.

mod check;
mod jax;
mod lexer;
mod order;
mod values;

use std::collections::HashMap;
use std::sync::Arc;

use crate::array::{Array, DType, Shape, TensorType};
use crate::callback::Callback;
use crate::error::{At, OpError, ParseError};
use crate::ops;
use crate::program::text::python::read_scalar;
use crate::program::text::{Given, Known, Value, check_types};
use crate::program::{
    Atom, Atoms, Call, ConvertElementType, CustomRule, DataOp, Op, Program, ProgramBuilder, Reduce,
    SubProgram,
};
use lexer::{Lexeme, Token, tokens};

/// How deep programs and values may be nested; a level costs a few kilobytes of stack.
const MAX_DEPTH: usize = 64;

/// What reads operations that are none here but compositions: the program that stands for one, given its parameters and the types of
/// its operands; `None` for a name it does not know.
pub(crate) type Compose =
    fn(&str, &mut Given<'_>, &[TensorType]) -> Option<Result<Program, ParseError>>;

/// Reads programs from text, with the callbacks and constants the text only names.
///
/// ```
/// use elimap::prelude::*;
/// use elimap::ProgramParser;
/// let text = "\
/// { lambda a:f64[2]; b:f64[2]. let
///     c:f64[2] = pure_callback[
///       callback=host
///       result_avals=(ShapedArray(float64[2]),)
///       sharding=None
///       vmap_method=expand_dims
///     ] b
///     d:f64[2] = mul a c
///   in (d,) }";
/// let host = Callback::new("host", [f64::spec([2])], |args: &[Array]| args[0].clone())
///     .vmap_method(VmapMethod::ExpandDims);
/// let program = ProgramParser::new().callback(host).constant(Array::from(vec![2.0, 3.0])).parse(text)?;
/// assert_eq!(program.to_string(), text);
/// # Ok::<(), elimap::ParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ProgramParser {
    compose: Compose,
    callbacks: HashMap<String, Callback>,
    rules: HashMap<String, CustomRule>,
    constants: Vec<Array>,
    axes: HashMap<String, usize>,
}

impl ProgramParser {
    /// A parser that reads operations which are none here by `compose`.
    pub(crate) fn composing(compose: Compose) -> Self {
        ProgramParser {
            compose,
            callbacks: HashMap::new(),
            rules: HashMap::new(),
            constants: Vec::new(),
            axes: HashMap::new(),
        }
    }

    /// Adds a callback, which the text calls by its name; the text's `vmap_method` is the one it gets.
    ///
    /// ```
    /// use elimap::{ProgramParser, prelude::*};
    /// let cbrt = Callback::of("cbrt", f64::cbrt);
    /// let program = jit(|x: Tensor| cbrt.call((x,))).trace((f64::spec([]),))?;
    /// let text = program.to_string();
    /// assert!(ProgramParser::new().parse(&text).is_err());
    /// assert_eq!(ProgramParser::new().callback(cbrt.clone()).parse(&text)?.to_string(), text);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn callback(mut self, callback: Callback) -> Self {
        self.callbacks.insert(callback.name().to_owned(), callback);
        self
    }

    /// Adds the rule of a [`custom_vmap`](crate::custom_vmap) function, which the text calls by its name.
    ///
    /// ```
    /// use elimap::{ProgramParser, prelude::*, sequential_vmap};
    /// let wave = sequential_vmap(|x: Tensor| x.sin()).name("wave");
    /// let text = jit(|x: Tensor| wave.call((x,))).trace((f64::spec([]),))?.to_string();
    /// let parser = ProgramParser::new().custom_rule(wave.rule((f64::spec([]),))?);
    /// assert_eq!(parser.parse(&text)?.to_string(), text);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn custom_rule(mut self, rule: CustomRule) -> Self {
        self.rules.insert(rule.name().to_owned(), rule);
        self
    }

    /// Says how many lanes a mapped axis has whose name the text's collectives speak of. The text that is printed here says it itself, JAX's
    /// does not.
    ///
    /// ```
    /// use elimap::ProgramParser;
    /// let text = "{ lambda ; a:f64[]. let b:f64[] = psum[axes=('i',)] a in (b,) }";
    /// assert!(ProgramParser::new().parse(text).is_err());
    /// let program = ProgramParser::new().axis("i", 3).parse(text)?;
    /// assert!(program.to_string().contains("axis_sizes=(3,)"));
    /// # Ok::<(), elimap::ParseError>(())
    /// ```
    #[must_use]
    pub fn axis(mut self, name: &str, size: usize) -> Self {
        self.axes.insert(name.to_owned(), size);
        self
    }

    /// Adds the array of the next constant; constants are the binders before `;`, in the order of the text.
    ///
    /// ```
    /// use elimap::{ProgramParser, prelude::*};
    /// let text = "{ lambda a:f64[2]; b:f64[2]. let c:f64[2] = add a b in (c,) }";
    /// let program = ProgramParser::new().constant(Array::from(vec![1.0, 2.0])).parse(text)?;
    /// let sum = program.call(vec![Array::from(vec![0.5, 0.5])])?;
    /// assert_eq!(sum[0].to_vec::<f64>()?, [1.5, 2.5]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn constant(mut self, array: Array) -> Self {
        self.constants.push(array);
        self
    }

    /// Reads a program.
    ///
    /// # Errors
    ///
    /// [`ParseError`] with the place in the text.
    ///
    /// ```
    /// use elimap::ProgramParser;
    /// let text = "{ lambda ; a:f64[]. let b:f64[] = sin a in (b,) }";
    /// assert_eq!(ProgramParser::new().parse(text)?.equations().len(), 1);
    /// assert!(ProgramParser::new().parse(&text[1..]).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn parse(&self, text: &str) -> Result<Program, ParseError> {
        let tokens = tokens(text)?;
        let mut parser = Parser {
            given: self,
            tokens,
            next: 0,
            depth: 0,
            constants: 0,
            programs: HashMap::new(),
        };
        parser.document()
    }
}

struct Parser<'p, 't> {
    given: &'p ProgramParser,
    tokens: Vec<Lexeme<'t>>,
    next: usize,
    depth: usize,
    /// How many of the given constants have been bound.
    constants: usize,
    /// The programs defined by `let` so far.
    programs: HashMap<&'t str, SubProgram>,
}

/// An equation up to its operands.
struct LeftSide<'t> {
    /// The column it starts in.
    indent: usize,
    binders: Vec<Binder<'t>>,
    /// Where the operation's name stands.
    at: At,
    name: &'t str,
    /// The parameters, with the places of their keys.
    entries: Vec<(&'t str, Value, At)>,
}

impl Known for Parser<'_, '_> {
    fn callback(&self, name: &str) -> Option<&Callback> {
        self.given.callbacks.get(name)
    }

    fn rule(&self, name: &str) -> Option<&CustomRule> {
        self.given.rules.get(name)
    }

    fn program(&self, name: &str) -> Option<&SubProgram> {
        self.programs.get(name)
    }

    fn axis_size(&self, name: &str) -> Option<usize> {
        self.given.axes.get(name).copied()
    }
}

/// The values of one program's names.
type Scope<'t> = HashMap<&'t str, Atom>;

/// A name with its type, as it is defined.
struct Binder<'t> {
    name: &'t str,
    ty: TensorType,
    at: At,
}

impl<'t> Parser<'_, 't> {
    fn document(&mut self) -> Result<Program, ParseError> {
        let program = self.shared_program()?;
        if *self.peek() != Token::End {
            return Err(self.unexpected("the end of the text"));
        }
        let (given, used) = (self.given.constants.len(), self.constants);
        if used < given {
            let At { line, column } = self.at();
            return Err(ParseError::UnusedConstants {
                line,
                column,
                given,
                used,
            });
        }
        Ok(program)
    }

    /// A program after the programs it shares: `let name = { .. } in { .. }`. Their names mean something inside only.
    fn shared_program(&mut self) -> Result<Program, ParseError> {
        if *self.peek() != Token::Word("let") {
            return self.program();
        }
        self.descend()?;
        let outside = self.programs.clone();
        let (definitions, after) = order::definitions(&self.tokens, self.next);
        for at in definitions {
            self.next = at;
            self.advance();
            let name = self.word("the program's name")?;
            self.mark('=')?;
            let program = self.program()?;
            self.keyword("in")?;
            self.programs.insert(name, Arc::new(program));
        }
        self.next = after;
        let program = self.program()?;
        self.programs = outside;
        self.depth -= 1;
        Ok(program)
    }

    /// `{ lambda constants; inputs. let equations in (results) }`
    fn program(&mut self) -> Result<Program, ParseError> {
        self.descend()?;
        let mut builder = ProgramBuilder::new();
        let mut scope = Scope::new();
        self.mark('{')?;
        self.keyword("lambda")?;
        for binder in self.binders()? {
            let atom = builder.constant(self.next_constant(&binder)?);
            define(&mut scope, &binder, atom)?;
        }
        self.mark(';')?;
        for binder in self.binders()? {
            let atom = Atom::Var(builder.input(binder.ty.clone()));
            define(&mut scope, &binder, atom)?;
        }
        self.mark('.')?;
        self.keyword("let")?;
        loop {
            match self.peek() {
                Token::Mark(';') => self.advance(),
                Token::Word("in") if *self.peek_after() == Token::Mark('(') => break,
                Token::Word(_) => self.equation(&mut builder, &mut scope)?,
                _ => return Err(self.unexpected("an equation or `in`")),
            }
        }
        self.keyword("in")?;
        self.mark('(')?;
        let mut outputs = Vec::new();
        while *self.peek() != Token::Mark(')') {
            outputs.push(self.atom(&scope)?);
            if *self.peek() != Token::Mark(')') {
                self.mark(',')?;
            }
        }
        self.mark(')')?;
        self.mark('}')?;
        self.depth -= 1;
        Ok(builder.finish(outputs))
    }

    fn next_constant(&mut self, binder: &Binder<'_>) -> Result<&Array, ParseError> {
        let Some(array) = self.given.constants.get(self.constants) else {
            let At { line, column } = binder.at;
            let (name, ty) = (binder.name.to_owned(), binder.ty.to_string());
            return Err(ParseError::MissingConstant {
                line,
                column,
                name,
                ty,
            });
        };
        self.constants += 1;
        if array.ty() != binder.ty {
            let what = format!("the array given for the constant `{}`", binder.name);
            return Err(ParseError::mismatch(
                binder.at,
                what,
                &binder.ty,
                &array.ty(),
            ));
        }
        Ok(array)
    }

    /// `binders = operation[params] operands`
    fn equation(
        &mut self,
        builder: &mut ProgramBuilder,
        scope: &mut Scope<'t>,
    ) -> Result<(), ParseError> {
        let left = self.left_side()?;
        self.right_side(left, builder, scope)
    }

    /// `binders = operation[params]`, which is all of an equation that holds programs; what is done with it would only take
    /// room on the stack between them.
    fn left_side(&mut self) -> Result<LeftSide<'t>, ParseError> {
        let indent = self.at().column;
        let binders = self.binders()?;
        if !binders.is_empty() {
            self.mark('=')?;
        }
        let at = self.at();
        let name = self.word("an operation")?;
        let entries = if *self.peek() == Token::Mark('[') {
            self.params()?
        } else {
            Vec::new()
        };
        Ok(LeftSide {
            indent,
            binders,
            at,
            name,
            entries,
        })
    }

    /// The operation and its operands.
    fn right_side(
        &mut self,
        left: LeftSide<'t>,
        builder: &mut ProgramBuilder,
        scope: &mut Scope<'t>,
    ) -> Result<(), ParseError> {
        let LeftSide {
            indent,
            mut binders,
            at,
            name,
            entries,
        } = left;
        if jax::hands_on(name) || jax::names_a_value(name, &entries) {
            for binder in &binders {
                let atom = self.atom(scope)?;
                define(scope, binder, atom)?;
            }
            return Ok(());
        }
        let mut inputs = Atoms::new();
        while self.operand_follows(indent) {
            inputs.push(self.atom(scope)?);
        }
        let ended = match self.peek() {
            Token::Mark(';') | Token::End => true,
            Token::Word("in") if *self.peek_after() == Token::Mark('(') => true,
            _ => self.lexeme().leads_line,
        };
        if !ended {
            return Err(self.unexpected("an operand, `;`, a new line or `in`"));
        }
        let operands: Vec<TensorType> = inputs.iter().map(|atom| builder.atom_type(atom)).collect();
        let results: Vec<TensorType> = binders.iter().map(|b| b.ty.clone()).collect();
        if let Some(parts) = jax::divided(name, &entries, inputs.len()) {
            let atoms = self.reductions((name, at), parts, inputs, &binders, builder)?;
            for (binder, atom) in binders.iter().zip(atoms) {
                let found = builder.atom_type(&atom);
                check_types(
                    "result",
                    name,
                    std::slice::from_ref(&binder.ty),
                    &[found],
                    binder.at,
                )?;
                define(scope, binder, atom)?;
            }
            return Ok(());
        }
        let op = self.operation(name, at, entries, &operands, &results)?;
        if let (
            Op::Data(DataOp::ConvertElementType(ConvertElementType { weak: true, .. })),
            [binder],
        ) = (&op, &mut binders[..])
        {
            // The one place where text shows weakness.
            binder.ty.weak = true;
        }
        check::check_programs(&op, &operands, &results, at)?;
        let vars = builder.push(op, inputs, binders.iter().map(|b| b.ty.clone()), None);
        for (binder, var) in binders.iter().zip(vars) {
            define(scope, binder, Atom::Var(var))?;
        }
        Ok(())
    }

    /// What an equation does to operands of these types.
    fn operation(
        &self,
        name: &'t str,
        at: At,
        entries: Vec<(&'t str, Value, At)>,
        operands: &[TensorType],
        results: &[TensorType],
    ) -> Result<Op, ParseError> {
        let spelled = jax::spelled(name);
        let mut given = Given::new(spelled, at, results, self);
        for (key, value, at) in entries {
            given.push(key, value, at)?;
        }
        // What only wraps a program says more than is needed; the rest is let go.
        if let Some(call) = jax::wrapped(spelled, &mut given) {
            return call;
        }
        let op = match (self.given.compose)(spelled, &mut given, operands) {
            Some(program) => Call {
                name: Arc::from(spelled),
                program: Arc::new(program?),
            }
            .into(),
            None => {
                let op = ops::parse(spelled, &mut given);
                op.unwrap_or_else(|| Err(given.unknown_operation()))?
            }
        };
        given.finish()?;
        Ok(jax::in_blocks(op, operands, results))
    }

    /// A reduction over lanes that is several here: one for each operand, over positions first and then over names.
    fn reductions(
        &self,
        (name, at): (&'t str, At),
        (sum, rest): (Option<Reduce>, Vec<(&'t str, Value, At)>),
        inputs: Atoms,
        binders: &[Binder<'t>],
        builder: &mut ProgramBuilder,
    ) -> Result<Vec<Atom>, ParseError> {
        let refused = |error: OpError| {
            let At { line, column } = at;
            ParseError::Composition {
                line,
                column,
                operation: name.to_owned(),
                detail: error.to_string(),
            }
        };
        let named = rest.iter().any(|(key, ..)| *key == "axes");
        let mut found = Vec::with_capacity(inputs.len());
        for (input, binder) in inputs.into_iter().zip(binders) {
            let mut atom = input;
            if let Some(sum) = &sum {
                let op = sum.clone().into();
                atom =
                    ops::emit(builder, op, [atom].into_iter().collect(), None).map_err(refused)?[0];
            }
            if named {
                let ty = builder.atom_type(&atom);
                let result = std::slice::from_ref(&binder.ty);
                let op = self.operation(name, at, rest.clone(), &[ty], result)?;
                let operands = [atom].into_iter().collect();
                atom = ops::emit(builder, op, operands, None).map_err(refused)?[0];
            }
            found.push(atom);
        }
        Ok(found)
    }

    /// Whether the next token belongs to the operands of the equation that starts in column `indent`.
    fn operand_follows(&self, indent: usize) -> bool {
        let lexeme = self.lexeme();
        if lexeme.leads_line && lexeme.at.column <= indent {
            return false;
        }
        match (&lexeme.token, self.peek_after()) {
            (Token::Number(_), _) => true,
            (Token::Word("in"), Token::Mark('(')) => false,
            (Token::Word(word), Token::Mark(':')) => is_value_word(word),
            (Token::Word(_), _) => true,
            _ => false,
        }
    }

    /// Binders up to something that is none.
    fn binders(&mut self) -> Result<Vec<Binder<'t>>, ParseError> {
        let mut binders = Vec::new();
        while let (Token::Word(name), Token::Mark(':')) = (self.peek(), self.peek_after()) {
            let (name, at) = (*name, self.at());
            self.advance();
            self.advance();
            binders.push(Binder {
                name,
                ty: self.tensor_type()?,
                at,
            });
        }
        Ok(binders)
    }

    /// `f64[2,3]`, or `float64[2,3]` as in `result_avals`.
    fn tensor_type(&mut self) -> Result<TensorType, ParseError> {
        let at = self.at();
        let expected = || DType::ALL.map(DType::short_name).join(", ");
        let dtype = match self.peek() {
            Token::Word(name) => DType::from_name(name),
            _ => None,
        };
        let Some(dtype) = dtype else {
            return Err(self.unexpected(&format!("an element type ({})", expected())));
        };
        self.advance();
        self.mark('[')?;
        let mut shape = Shape::new();
        while let Token::Number(text) = self.peek() {
            let Ok(length) = text.parse() else {
                return Err(self.unexpected("an axis length"));
            };
            shape.push(length);
            self.advance();
            if *self.peek() != Token::Mark(']') {
                self.mark(',')?;
            }
        }
        self.mark(']')?;
        // Arrays of more elements cannot exist, and their sizes would overflow further on.
        let size = shape.iter().try_fold(1_isize, |n, &d| {
            n.checked_mul(isize::try_from(d.max(1)).ok()?)
        });
        match size {
            Some(_) => Ok(TensorType::new(dtype, shape)),
            None => Err(ParseError::unexpected(
                at,
                "a shape that fits into memory",
                "a larger one",
            )),
        }
    }

    /// A variable or a literal.
    fn atom(&mut self, scope: &Scope<'t>) -> Result<Atom, ParseError> {
        let at = self.at();
        let literal = *self.peek_after() == Token::Mark(':');
        match self.peek().clone() {
            Token::Number(text) => self.literal(text),
            Token::Word(text) if literal && is_value_word(text) => self.literal(text),
            Token::Word(name) => {
                let At { line, column } = at;
                let undefined = || ParseError::UndefinedVariable {
                    line,
                    column,
                    name: name.to_owned(),
                };
                let several = name == "_" && scope.contains_key(SEVERAL);
                let atom = scope.get(name).filter(|_| !several);
                let atom = *atom.ok_or_else(undefined)?;
                self.advance();
                Ok(atom)
            }
            _ => Err(self.unexpected("a variable or a literal")),
        }
    }

    /// `1.0:f32[]`, the next token being the value.
    fn literal(&mut self, text: &str) -> Result<Atom, ParseError> {
        let at = self.at();
        self.advance();
        self.mark(':')?;
        let ty = self.tensor_type()?;
        if !ty.shape.is_empty() {
            return Err(ParseError::mismatch(
                at,
                format!("the type of the literal {text}"),
                &ty.dtype.scalar(),
                &ty,
            ));
        }
        let value = read_scalar(ty.dtype, text);
        let value = value.ok_or_else(|| {
            ParseError::unexpected(
                at,
                format!("a value of {}", ty.dtype.name()),
                format!("`{text}`"),
            )
        })?;
        Ok(Atom::Literal(value, false))
    }

    /// Goes one level down; whoever goes up again subtracts it, unless the parse has failed.
    fn descend(&mut self) -> Result<(), ParseError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let At { line, column } = self.at();
            return Err(ParseError::TooDeep {
                line,
                column,
                limit: MAX_DEPTH,
            });
        }
        Ok(())
    }

    fn lexeme(&self) -> &Lexeme<'t> {
        // `advance` stops at the last token.
        &self.tokens[self.next]
    }

    fn peek(&self) -> &Token<'t> {
        &self.lexeme().token
    }

    fn peek_after(&self) -> &Token<'t> {
        self.tokens
            .get(self.next + 1)
            .map_or(&Token::End, |lexeme| &lexeme.token)
    }

    fn at(&self) -> At {
        self.lexeme().at
    }

    fn advance(&mut self) {
        self.next = (self.next + 1).min(self.tokens.len() - 1);
    }

    fn unexpected(&self, expected: &str) -> ParseError {
        ParseError::unexpected(self.at(), expected, self.peek().to_string())
    }

    fn mark(&mut self, mark: char) -> Result<(), ParseError> {
        if *self.peek() != Token::Mark(mark) {
            return Err(self.unexpected(&format!("`{mark}`")));
        }
        self.advance();
        Ok(())
    }

    fn keyword(&mut self, keyword: &str) -> Result<(), ParseError> {
        if *self.peek() != Token::Word(keyword) {
            return Err(self.unexpected(&format!("`{keyword}`")));
        }
        self.advance();
        Ok(())
    }

    fn word(&mut self, expected: &str) -> Result<&'t str, ParseError> {
        let Token::Word(word) = *self.peek() else {
            return Err(self.unexpected(expected));
        };
        self.advance();
        Ok(word)
    }
}

/// Stands in a scope for a second `_`, after which the name means neither.
const SEVERAL: &str = "_ _";

/// Defines a name. Any number of results may be called `_`, and JAX calls so what a caller drops; a single one can be used.
fn define<'t>(scope: &mut Scope<'t>, binder: &Binder<'t>, atom: Atom) -> Result<(), ParseError> {
    let known = scope.insert(binder.name, atom).is_some();
    if binder.name == "_" {
        if known {
            scope.insert(SEVERAL, atom);
        }
        return Ok(());
    }
    if known {
        let At { line, column } = binder.at;
        return Err(ParseError::DuplicateVariable {
            line,
            column,
            name: binder.name.to_owned(),
        });
    }
    Ok(())
}

/// Whether a word before a type is a literal's value rather than a name.
fn is_value_word(word: &str) -> bool {
    matches!(word, "True" | "False" | "nan" | "inf" | "-inf")
}
