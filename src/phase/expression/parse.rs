//! The grammar of expressions, on winnow's combinators.

use winnow::ascii::{digit0, digit1, multispace0};
use winnow::combinator::{
    Infix, Prefix, alt, cut_err, delimited, expression, fail, not, opt, peek, preceded, separated,
};
use winnow::error::{ContextError, ErrMode, StrContext, StrContextValue};
use winnow::prelude::*;
use winnow::stream::{LocatingSlice, Location, Stream};
use winnow::token::{one_of, take_while};

use crate::phase::expression::error::ExpressionError;
use crate::phase::expression::{Binary, Function, Name, Op, Unary};

/// The most characters of an expression.
const LENGTH: usize = 20_000;
/// The most levels that the parser may be in at once; it calls itself for each.
const DEPTH: usize = 64;

type Input<'i> = LocatingSlice<&'i str>;
type Code = Vec<Op>;

/// The code of an expression.
pub(super) fn parse(text: &str) -> Result<Code, ExpressionError> {
    check_size(text)?;
    delimited(multispace0, operation, multispace0)
        .parse(LocatingSlice::new(text))
        .map_err(|error| syntax(text, error.offset(), error.inner()))
}

fn check_size(text: &str) -> Result<(), ExpressionError> {
    let (mut open, mut deepest) = (0_usize, 0);
    // Signs in a row, and powers of powers, nest without parentheses.
    let (mut signs, mut powers, mut longest) = (0_usize, 0_usize, 0);
    for character in text.chars() {
        match character {
            '(' => open += 1,
            ')' => open = open.saturating_sub(1),
            _ => {}
        }
        match character {
            '-' | '!' => signs += 1,
            c if c.is_whitespace() => {}
            _ => signs = 0,
        }
        match character {
            '^' => powers += 1,
            c if c.is_whitespace() || c.is_alphanumeric() || "._-!".contains(c) => {}
            _ => powers = 0,
        }
        deepest = deepest.max(open);
        longest = longest.max(signs).max(powers);
    }
    let sizes = [
        ("characters", text.chars().count(), LENGTH),
        ("levels of parentheses", deepest, DEPTH),
        ("signs or powers in a row", longest, DEPTH),
    ];
    match sizes.iter().find(|(_, found, limit)| found > limit) {
        None => Ok(()),
        Some(&(what, found, limit)) => Err(ExpressionError::TooLarge {
            start: text.chars().take(20).collect(),
            what,
            found,
            limit,
        }),
    }
}

fn syntax(text: &str, offset: usize, error: &ContextError) -> ExpressionError {
    let expected: Vec<String> = error
        .context()
        .filter_map(|context| match context {
            StrContext::Expected(StrContextValue::Description(what)) => Some((*what).to_owned()),
            StrContext::Expected(value) => Some(value.to_string()),
            _ => None,
        })
        .collect();
    let rest = text.get(offset..).unwrap_or_default();
    let found = match rest.chars().next() {
        None => "the end".to_owned(),
        Some(character) => format!("`{character}`"),
    };
    ExpressionError::Syntax {
        text: text.to_owned(),
        at: text.get(..offset).unwrap_or(text).chars().count() + 1,
        expected: match expected.first() {
            Some(expected) => expected.clone(),
            None => "an operator or the end".to_owned(),
        },
        found,
    }
}

fn operation(input: &mut Input<'_>) -> ModalResult<Code> {
    let expected = StrContext::Expected(StrContextValue::Description("a number, a name or `(`"));
    // A sign is looked for where there is no operand, so one of the two must be there.
    let sign = cut_err(prefix).context(expected);
    expression(preceded(multispace0, operand))
        .prefix(preceded(multispace0, sign))
        .infix(preceded(multispace0, infix))
        .parse_next(input)
}

type Applied = Result<Code, ErrMode<ContextError>>;

fn prefix<'i>(
    input: &mut Input<'i>,
) -> ModalResult<Prefix<Input<'i>, Code, ErrMode<ContextError>>> {
    fn unary(mut code: Code, op: Unary) -> Applied {
        code.push(Op::Unary(op));
        Ok(code)
    }
    alt((
        '-'.value(Prefix(11, |_: &mut _, code| unary(code, Unary::Negate))),
        '!'.value(Prefix(11, |_: &mut _, code| unary(code, Unary::Not))),
    ))
    .parse_next(input)
}

/// What a binary operator makes of its operands' code.
macro_rules! binary {
    ($symbol:literal, $side:ident $power:literal, $op:ident) => {
        $symbol.value(Infix::$side(
            $power,
            |_: &mut _, mut left: Code, right: Code| {
                left.extend(right);
                left.push(Op::Binary(Binary::$op));
                Ok(left)
            },
        ))
    };
}

fn infix<'i>(input: &mut Input<'i>) -> ModalResult<Infix<Input<'i>, Code, ErrMode<ContextError>>> {
    let conditions = alt((
        binary!("||", Left 1, Or),
        binary!("&&", Left 3, And),
        binary!("==", Neither 5, Equal),
        binary!("!=", Neither 5, Unequal),
        binary!("<=", Neither 5, LessOrEqual),
        binary!("<", Neither 5, Less),
        binary!(">=", Neither 5, GreaterOrEqual),
        binary!(">", Neither 5, Greater),
    ));
    let arithmetic = alt((
        binary!("+", Left 7, Add),
        binary!("-", Left 7, Subtract),
        binary!("*", Left 9, Multiply),
        binary!("/", Left 9, Divide),
        binary!("^", Right 13, Power),
    ));
    alt((conditions, arithmetic)).parse_next(input)
}

fn operand(input: &mut Input<'_>) -> ModalResult<Code> {
    alt((number.map(|value| vec![Op::Number(value)]), group, named)).parse_next(input)
}

fn number(input: &mut Input<'_>) -> ModalResult<f64> {
    let exponent = (one_of(['e', 'E']), opt(one_of(['+', '-'])), digit1);
    // Two dots make a range.
    let fraction = ('.', not('.'), digit0).void();
    let mantissa = alt(((digit1, opt(fraction)).void(), ('.', digit1).void()));
    (mantissa, opt(exponent))
        .take()
        .verify_map(|text: &str| text.parse().ok().filter(|value: &f64| value.is_finite()))
        .parse_next(input)
}

fn closing<'i>(input: &mut Input<'i>) -> ModalResult<&'i str> {
    let expected = StrContext::Expected(StrContextValue::Description("an operator or `)`"));
    cut_err(")").context(expected).parse_next(input)
}

fn group(input: &mut Input<'_>) -> ModalResult<Code> {
    delimited('(', operation, (multispace0, closing)).parse_next(input)
}

fn name(input: &mut Input<'_>) -> ModalResult<Name> {
    let at = input.current_token_start();
    let first = one_of(|c: char| c.is_alphabetic() || c == '_');
    let rest = take_while(0.., |c: char| c.is_alphanumeric() || c == '_');
    let text: &str = (first, rest).take().parse_next(input)?;
    Ok(Name {
        text: text.to_owned(),
        at,
    })
}

/// A name, or a call of a function.
fn named(input: &mut Input<'_>) -> ModalResult<Code> {
    let start = input.checkpoint();
    let name = name.parse_next(input)?;
    if opt(peek((multispace0, '('))).parse_next(input)?.is_none() {
        return Ok(vec![Op::Name(name)]);
    }
    let function = match &name.text[..] {
        "sum" => Function::Sum,
        "min" => Function::Min,
        "max" => Function::Max,
        "abs" => Function::Abs,
        "if" => Function::If,
        _ => return refuse(input, &start, "one of the functions sum, min, max, abs, if"),
    };
    let arguments = separated(1.., argument, (multispace0, ',', multispace0));
    let mut arguments: Vec<Code> = delimited(
        (multispace0, '(', multispace0),
        arguments,
        (multispace0, closing),
    )
    .parse_next(input)?;
    let mut ranges = 0;
    for code in &mut arguments {
        if let [Op::Range(of, ..)] = &mut code[..] {
            *of = function;
            ranges += 1;
        }
    }
    match (function, arguments.len(), ranges) {
        (Function::Abs, 1, 0) | (Function::If, 3, 0) => {}
        (Function::Abs, ..) => return refuse(input, &start, "`abs` of one value"),
        (Function::If, ..) => return refuse(input, &start, "`if` of three values"),
        (Function::Sum | Function::Min | Function::Max, ..) => {}
    }
    let call = Op::Call(function, arguments.len());
    let mut code = arguments.concat();
    code.push(call);
    Ok(code)
}

/// Fails at a place that was passed already.
fn refuse<'i>(
    input: &mut Input<'i>,
    start: &<Input<'i> as Stream>::Checkpoint,
    expected: &'static str,
) -> ModalResult<Code> {
    input.reset(start);
    let expected = StrContext::Expected(StrContextValue::Description(expected));
    cut_err(fail).context(expected).parse_next(input)
}

fn argument(input: &mut Input<'_>) -> ModalResult<Code> {
    let range = (name, multispace0, "..", multispace0, cut_err(name));
    alt((
        range.map(|(first, _, _, _, last)| vec![Op::Range(Function::Sum, first, last)]),
        operation,
    ))
    .parse_next(input)
}
