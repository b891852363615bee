//! The order in which shared programs are read: JAX writes them by first use, so one may name another that stands behind it.

use super::lexer::{Lexeme, Token};

/// A definition `let name = { .. } in`.
struct Definition<'t> {
    name: &'t str,
    /// Its first and last token.
    range: std::ops::Range<usize>,
}

/// Where the definitions start whose first one starts at `from`, each after those it names, and where what follows them starts. What
/// does not read as a definition ends them: reading it says what is wrong.
pub(super) fn definitions(tokens: &[Lexeme<'_>], from: usize) -> (Vec<usize>, usize) {
    let mut found = Vec::new();
    let mut next = from;
    while let Some(definition) = definition(tokens, next) {
        next = definition.range.end;
        found.push(definition);
    }
    // Broken text is read where it stands.
    let whole = tokens.get(next).map(|t| &t.token) != Some(&Token::Word("let"));
    let count = found.len();
    if !whole {
        return (
            found.iter().map(|d| d.range.start).chain([next]).collect(),
            next,
        );
    }
    let names = |k: usize, other: usize| {
        other != k
            && tokens[found[k].range.clone()].windows(2).any(|pair| {
                follows(&pair[0].token) && pair[1].token == Token::Word(found[other].name)
            })
    };
    let needs: Vec<Vec<usize>> = (0..count)
        .map(|k| (0..count).filter(|&other| names(k, other)).collect())
        .collect();
    let (mut order, mut done) = (Vec::with_capacity(count), vec![false; count]);
    while order.len() < count {
        // Among those whose needs are met the first; where none is, there is a circle, which reading finds.
        let open = || (0..count).filter(|&k| !done[k]);
        let ready = open().find(|&k| needs[k].iter().all(|&n| done[n]));
        let Some(k) = ready.or_else(|| open().next()) else {
            break;
        };
        done[k] = true;
        order.push(found[k].range.start);
    }
    (order, next)
}

/// Whether a program's name may stand behind this: as a parameter, or among branches.
fn follows(token: &Token<'_>) -> bool {
    matches!(token, Token::Mark('=' | '(' | ',' | '}') | Token::Word(_))
}

fn definition<'t>(tokens: &[Lexeme<'t>], at: usize) -> Option<Definition<'t>> {
    let token = |k: usize| tokens.get(k).map(|lexeme| &lexeme.token);
    let (Some(Token::Word("let")), Some(Token::Word(name)), Some(Token::Mark('='))) =
        (token(at), token(at + 1), token(at + 2))
    else {
        return None;
    };
    let mut depth = 0_usize;
    let mut k = at + 3;
    loop {
        match token(k)? {
            Token::Mark('{') => depth += 1,
            Token::Mark('}') => depth = depth.checked_sub(1)?,
            Token::End => return None,
            _ => {}
        }
        k += 1;
        if depth == 0 {
            break;
        }
    }
    let end = k + 1;
    (token(k) == Some(&Token::Word("in"))).then_some(Definition {
        name,
        range: at..end,
    })
}
