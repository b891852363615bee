//! Program text cut into tokens.

use std::fmt;

use crate::error::{At, ParseError};

/// The smallest unit of program text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'t> {
    /// A name or keyword: `scan`, `scatter-add`, `GatherScatterMode.CLIP`, `<lambda>`, `-inf`.
    Word(&'t str),
    /// An integer or a decimal number.
    Number(&'t str),
    /// A text in single quotes.
    Text(String),
    /// One of the characters with a meaning of its own.
    Mark(char),
    /// The end of the text.
    End,
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Word(text) | Token::Number(text) => write!(f, "`{text}`"),
            Token::Text(text) => write!(f, "the text {text:?}"),
            Token::Mark(mark) => write!(f, "`{mark}`"),
            Token::End => f.write_str("the end of the text"),
        }
    }
}

/// A token and where it starts.
#[derive(Clone, Debug)]
pub(super) struct Lexeme<'t> {
    pub(super) token: Token<'t>,
    pub(super) at: At,
    /// Whether nothing but blanks stands before it on its line.
    pub(super) leads_line: bool,
}

/// Cuts the text into tokens, the last of them [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Lexeme<'_>>, ParseError> {
    let mut lexer = Lexer {
        rest: text,
        at: At { line: 1, column: 1 },
    };
    let mut out = Vec::new();
    let mut leads_line = true;
    loop {
        let line = lexer.at.line;
        lexer.skip_blanks();
        leads_line |= lexer.at.line > line;
        let at = lexer.at;
        let token = lexer.token()?;
        let done = token == Token::End;
        out.push(Lexeme {
            token,
            at,
            leads_line,
        });
        leads_line = false;
        if done {
            return Ok(out);
        }
    }
}

struct Lexer<'t> {
    rest: &'t str,
    at: At,
}

impl<'t> Lexer<'t> {
    fn skip_blanks(&mut self) {
        while self.rest.starts_with(char::is_whitespace) {
            self.bump();
        }
    }

    /// Takes the next character.
    fn bump(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next()?;
        self.rest = chars.as_str();
        if next == '\n' {
            self.at = At {
                line: self.at.line + 1,
                column: 1,
            };
        } else {
            self.at.column += 1;
        }
        Some(next)
    }

    /// Takes this many bytes of ASCII text without newlines.
    fn take(&mut self, length: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        self.at.column += length;
        taken
    }

    fn token(&mut self) -> Result<Token<'t>, ParseError> {
        let bytes = self.rest.as_bytes();
        let Some(&first) = bytes.first() else {
            return Ok(Token::End);
        };
        let number = complex_length(bytes).unwrap_or_else(|| number_length(bytes));
        if number > 0 {
            return Ok(Token::Number(self.take(number)));
        }
        let word = word_length(bytes);
        if word > 0 {
            return Ok(Token::Word(self.take(word)));
        }
        if first == b'\'' {
            return self.text();
        }
        match self.bump() {
            Some(mark @ ('{' | '}' | '(' | ')' | '[' | ']' | ':' | ';' | ',' | '.' | '=')) => {
                Ok(Token::Mark(mark))
            }
            other => {
                let at = At {
                    column: self.at.column - 1,
                    ..self.at
                };
                let found = other.map_or_else(String::new, |c| format!("the character {c:?}"));
                Err(ParseError::unexpected(at, "program text", found))
            }
        }
    }

    /// A text in quotes, with the escapes the printer writes.
    fn text(&mut self) -> Result<Token<'t>, ParseError> {
        let start = self.at;
        let unclosed = |found: &str| {
            ParseError::unexpected(start, "a text that ends with `'` on its line", found)
        };
        self.bump();
        let mut out = String::new();
        loop {
            match self.bump() {
                Some('\'') => return Ok(Token::Text(out)),
                Some('\\') => out.push(self.escape()?),
                Some('\n') => return Err(unclosed("the end of the line")),
                Some(c) => out.push(c),
                None => return Err(unclosed("the end of the text")),
            }
        }
    }

    /// What follows a backslash: a character that stands for itself, or `u{..}`.
    fn escape(&mut self) -> Result<char, ParseError> {
        let at = self.at;
        let invalid = || {
            ParseError::unexpected(
                at,
                "`\\`, `'` or `u{..}` with a character's hexadecimal code",
                "another escape",
            )
        };
        match self.bump() {
            Some(c @ ('\\' | '\'')) => Ok(c),
            Some('u') => {
                let code = self
                    .rest
                    .strip_prefix('{')
                    .and_then(|r| r.split_once('}'))
                    .map(|(code, _)| code);
                let code = code
                    .filter(|code| code.len() <= 6 && code.bytes().all(|b| b.is_ascii_hexdigit()));
                let code = code.ok_or_else(invalid)?;
                self.take(code.len() + 2);
                u32::from_str_radix(code, 16)
                    .ok()
                    .and_then(char::from_u32)
                    .ok_or_else(invalid)
            }
            _ => Err(invalid()),
        }
    }
}

/// The length of the run of bytes from `start` that satisfy the test.
fn run(bytes: &[u8], start: usize, test: impl Fn(&u8) -> bool) -> usize {
    bytes.iter().skip(start).take_while(|b| test(b)).count()
}

/// The length of the number the text starts with: sign, digits, fraction, exponent.
fn number_length(bytes: &[u8]) -> usize {
    let sign = usize::from(bytes.first() == Some(&b'-'));
    let digits = run(bytes, sign, u8::is_ascii_digit);
    if digits == 0 {
        return 0;
    }
    let mut length = sign + digits;
    if bytes.get(length) == Some(&b'.') {
        let fraction = run(bytes, length + 1, u8::is_ascii_digit);
        // The dot after `f64[3]. let` or `lambda ; 3.` is no decimal point.
        length += if fraction > 0 { fraction + 1 } else { 0 };
    }
    if bytes.get(length) == Some(&b'e') {
        let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
        let exponent = run(bytes, length + 1 + sign, u8::is_ascii_digit);
        length += if exponent > 0 { 1 + sign + exponent } else { 0 };
    }
    length
}

/// The length of the complex number the text starts with: `2j`, `(1+2j)`.
fn complex_length(bytes: &[u8]) -> Option<usize> {
    let part = |start: usize| {
        let bytes = &bytes[start..];
        let sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
        let word = &bytes[sign..];
        let length = if word.starts_with(b"nan") || word.starts_with(b"inf") {
            3
        } else {
            number_length(word)
        };
        (length > 0).then_some(start + sign + length)
    };
    let unit = |at: usize| (bytes.get(at) == Some(&b'j')).then_some(at + 1);
    if bytes.first() != Some(&b'(') {
        // A word such as `infj` is a variable.
        let number = number_length(bytes);
        let end = unit((number > 0).then_some(number)?)?;
        let ends = bytes
            .get(end)
            .is_none_or(|b| !b.is_ascii_alphanumeric() && *b != b'_');
        return ends.then_some(end);
    }
    let end = unit(part(part(1)?)?)?;
    (bytes.get(end) == Some(&b')')).then_some(end + 1)
}

/// The length of the word the text starts with: identifiers joined by `.` or `-`, `-inf`, or what stands in `<` and `>`.
fn word_length(bytes: &[u8]) -> usize {
    let identifier = |start: usize| match bytes.get(start) {
        Some(b) if b.is_ascii_alphabetic() || *b == b'_' => {
            run(bytes, start, |b| b.is_ascii_alphanumeric() || *b == b'_')
        }
        _ => 0,
    };
    match bytes.first() {
        // A name such as `<lambda>`, or what Python prints of an object: `<function f.<locals>.g at 0x7f>`.
        Some(b'<') if identifier(1) > 0 => {
            let mut open = 0_usize;
            let end = bytes.iter().position(|b| {
                match b {
                    b'<' => open += 1,
                    b'>' => open -= 1,
                    _ => {}
                }
                open == 0 || *b == b'\n'
            });
            end.filter(|&end| bytes[end] == b'>')
                .map_or(0, |end| end + 1)
        }
        Some(b'<') => 0,
        Some(b'-') if identifier(1) > 0 => identifier(1) + 1,
        _ => {
            let mut length = identifier(0);
            while length > 0
                && matches!(bytes.get(length), Some(b'.' | b'-'))
                && identifier(length + 1) > 0
            {
                length += 1 + identifier(length + 1);
            }
            length
        }
    }
}
