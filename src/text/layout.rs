//! Line breaking in the manner of Wadler and Lindig, with the choices JAX's pretty-printer makes.
//!
//! A group is laid out flat where it fits into what is left of the line, and otherwise with every break that is its
//! own (not a nested group's) as a newline. Whether it fits is asked of the group alone, not of what follows it, so a
//! line may run past the width by that much; JAX does the same.

use std::borrow::Cow;

/// The width lines are kept to.
const WIDTH: isize = 80;

/// A document: text with possible line breaks.
#[derive(Debug)]
pub(super) enum Doc {
    /// Text without a newline.
    Text(Cow<'static, str>),
    /// One document after another.
    Concat(Vec<Doc>),
    /// This text where the enclosing group is flat, a newline where it is not.
    Break(&'static str),
    /// Laid out flat where it fits.
    Group(Box<Doc>),
    /// Indents the newlines inside by two.
    Nest(Box<Doc>),
}

impl Doc {
    pub(super) fn text(text: impl Into<Cow<'static, str>>) -> Self {
        Doc::Text(text.into())
    }

    pub(super) fn group(doc: Doc) -> Self {
        Doc::Group(Box::new(doc))
    }

    pub(super) fn nest(doc: Doc) -> Self {
        Doc::Nest(Box::new(doc))
    }

    /// The documents with a break between neighbours that shows as `separator` where it is flat.
    pub(super) fn lines(docs: impl IntoIterator<Item = Doc>, separator: &'static str) -> Self {
        let mut out = Vec::new();
        for doc in docs {
            if !out.is_empty() {
                out.push(Doc::Break(separator));
            }
            out.push(doc);
        }
        Doc::Concat(out)
    }

    /// Items in fill style: a line breaks only where it is full.
    pub(super) fn fill(items: impl IntoIterator<Item = String>, separator: &'static str) -> Self {
        let mut out = Vec::new();
        for item in items {
            if !out.is_empty() {
                out.push(Doc::text(separator));
                out.push(Doc::group(Doc::Break(" ")));
            }
            out.push(Doc::text(item));
        }
        Doc::nest(Doc::group(Doc::Concat(out)))
    }

    /// The document as text.
    pub(super) fn render(&self) -> String {
        let mut out = String::new();
        let mut column = 0;
        let mut agenda = vec![(0, false, self)];
        while let Some((indent, flat, doc)) = agenda.pop() {
            match doc {
                Doc::Text(text) => {
                    out.push_str(text);
                    column += width(text);
                }
                Doc::Concat(docs) => agenda.extend(docs.iter().rev().map(|d| (indent, flat, d))),
                Doc::Break(text) if flat => {
                    out.push_str(text);
                    column += width(text);
                }
                Doc::Break(_) => {
                    out.push('\n');
                    out.extend(std::iter::repeat_n(' ', indent));
                    column = indent as isize;
                }
                Doc::Group(doc) => agenda.push((indent, flat || fits(doc, WIDTH - column), doc)),
                Doc::Nest(doc) => agenda.push((indent + 2, flat, doc)),
            }
        }
        out
    }
}

fn width(text: &str) -> isize {
    text.chars().count() as isize
}

/// Whether the document, laid out flat, takes at most `room` columns.
fn fits(doc: &Doc, mut room: isize) -> bool {
    let mut agenda = vec![doc];
    while room >= 0
        && let Some(doc) = agenda.pop()
    {
        match doc {
            Doc::Text(text) => room -= width(text),
            Doc::Break(text) => room -= width(text),
            Doc::Concat(docs) => agenda.extend(docs.iter().rev()),
            Doc::Group(doc) | Doc::Nest(doc) => agenda.push(doc),
        }
    }
    room >= 0
}
