//! Values as Python's `repr` shows them, which is how jaxprs show parameters.

use std::fmt::Display;

use num_complex::Complex;

use crate::array::{DType, Scalar, Shape, TensorType, bf16_from, f16_from};

/// `()`, `(3,)`, `(2, 3)`.
pub(crate) fn tuple<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    match &items[..] {
        [item] => format!("({item},)"),
        items => format!("({})", items.join(", ")),
    }
}

/// `[]`, `[3]`, `[2, 3]`.
pub(crate) fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    format!("[{}]", items.join(", "))
}

/// `True` or `False`.
pub(crate) fn boolean(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

/// The shortest digits that read back as the same number, with `.0` or an exponent.
pub(crate) fn float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    // Python leaves positional notation below 1e-4 and from 1e16 on.
    match exponent.parse::<i32>().unwrap_or(0) {
        exponent if (-4..16).contains(&exponent) => format!("{value:?}"),
        exponent if exponent < 0 => format!("{mantissa}e-{:02}", -exponent),
        exponent => format!("{mantissa}e+{exponent:02}"),
    }
}

/// A rank-0 value; a `float32` shows the digits of its exact value as a `float64`, as in JAX.
pub(crate) fn scalar(value: Scalar) -> String {
    match value {
        Scalar::Bool(x) => boolean(x).to_owned(),
        Scalar::U8(x) => x.to_string(),
        Scalar::U16(x) => x.to_string(),
        Scalar::U32(x) => x.to_string(),
        Scalar::U64(x) => x.to_string(),
        Scalar::I8(x) => x.to_string(),
        Scalar::I16(x) => x.to_string(),
        Scalar::I32(x) => x.to_string(),
        Scalar::I64(x) => x.to_string(),
        Scalar::BF16(x) => float(f64::from(x)),
        Scalar::F16(x) => float(f64::from(x)),
        Scalar::F32(x) => float(f64::from(x)),
        Scalar::F64(x) => float(x),
        Scalar::C64(z) => complex(z.re.into(), z.im.into()),
        Scalar::C128(z) => complex(z.re, z.im),
    }
}

/// `(1+2j)`, or `2j` where the real part is a positive zero. Python has `infj`, too, which is a variable's name here.
fn complex(re: f64, im: f64) -> String {
    let part = |x: f64| {
        let text = float(x);
        text.strip_suffix(".0")
            .map_or_else(|| text.clone(), str::to_owned)
    };
    if re == 0.0 && re.is_sign_positive() && im.is_finite() {
        return format!("{}j", part(im));
    }
    let im = part(im);
    let sign = if im.starts_with('-') { "" } else { "+" };
    format!("({}{sign}{im}j)", part(re))
}

/// The parts of a number that [`complex`] shows so.
fn read_complex(text: &str) -> Option<(f64, f64)> {
    let inner = text
        .strip_prefix('(')
        .and_then(|t| t.strip_suffix(')'))
        .unwrap_or(text);
    let Some(inner) = inner.strip_suffix('j') else {
        return Some((inner.parse().ok()?, 0.0));
    };
    // The sign between the parts is the last that belongs to no exponent.
    let bytes = inner.as_bytes();
    let between = (1..bytes.len())
        .rev()
        .find(|&i| matches!(bytes[i], b'+' | b'-') && bytes[i - 1] != b'e');
    match between {
        Some(i) => Some((inner[..i].parse().ok()?, inner[i..].parse().ok()?)),
        None => Some((0.0, inner.parse().ok()?)),
    }
}

/// The value of an element type that [`scalar`] shows so.
pub(crate) fn read_scalar(dtype: DType, text: &str) -> Option<Scalar> {
    match dtype {
        DType::Bool => match text {
            "True" => Some(Scalar::Bool(true)),
            "False" => Some(Scalar::Bool(false)),
            _ => None,
        },
        DType::U8 => text.parse().ok().map(Scalar::U8),
        DType::U16 => text.parse().ok().map(Scalar::U16),
        DType::U32 => text.parse().ok().map(Scalar::U32),
        DType::U64 => text.parse().ok().map(Scalar::U64),
        DType::I8 => text.parse().ok().map(Scalar::I8),
        DType::I16 => text.parse().ok().map(Scalar::I16),
        DType::I32 => text.parse().ok().map(Scalar::I32),
        DType::I64 => text.parse().ok().map(Scalar::I64),
        DType::BF16 => text.parse().ok().map(|x| Scalar::BF16(bf16_from(x))),
        DType::F16 => text.parse().ok().map(|x| Scalar::F16(f16_from(x))),
        DType::C64 => {
            read_complex(text).map(|(re, im)| Scalar::C64(Complex::new(re as f32, im as f32)))
        }
        DType::C128 => read_complex(text).map(|(re, im)| Scalar::C128(Complex::new(re, im))),
        DType::F32 => text.parse().ok().map(Scalar::F32),
        DType::F64 => text.parse().ok().map(Scalar::F64),
    }
}

/// `ShapedArray(float32[3])`.
pub(crate) fn shaped_array(ty: &TensorType) -> String {
    let dims: Vec<String> = ty.shape.iter().map(ToString::to_string).collect();
    format!("ShapedArray({}[{}])", ty.dtype.name(), dims.join(","))
}

/// `Name(key=(1, 2), ..)`.
pub(crate) fn record<'a>(
    name: &str,
    fields: impl IntoIterator<Item = (&'static str, &'a Shape)>,
) -> String {
    let fields: Vec<String> = fields
        .into_iter()
        .map(|(key, dims)| format!("{key}={}", tuple(dims)))
        .collect();
    format!("{name}({})", fields.join(", "))
}

/// A string in single quotes.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("'");
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            c if c.is_control() => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

/// A name: bare where the parser reads it back as one word, in quotes otherwise.
pub(crate) fn name(text: &str) -> String {
    let bare = text
        .strip_prefix('<')
        .and_then(|t| t.strip_suffix('>'))
        .unwrap_or(text);
    if is_identifier(bare) && !matches!(text, "None" | "True" | "False" | "let") {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// Whether the text is a letter or `_`, then letters, digits and `_`, all of them ASCII.
pub(crate) fn is_identifier(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use num_complex::Complex;

    use super::{complex, float, name, read_scalar};
    use crate::array::{DType, Scalar};

    #[test]
    fn complex_numbers_read_as_in_python() {
        for (re, im, text) in [
            (1.0, 2.0, "(1+2j)"),
            (0.0, -1.5, "-1.5j"),
            (-0.0, 1.0, "(-0+1j)"),
            (2.5e-7, -3e20, "(2.5e-07-3e+20j)"),
            (f64::NAN, f64::INFINITY, "(nan+infj)"),
            (0.0, f64::NEG_INFINITY, "(0-infj)"),
        ] {
            assert_eq!(complex(re, im), text);
            let back = read_scalar(DType::C128, text);
            assert_eq!(back, Some(Scalar::C128(Complex::new(re, im))), "{text}");
        }
    }

    #[test]
    fn floats_read_as_in_python() {
        let cases = [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (0.1, "0.1"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (-1.5e-7, "-1.5e-07"),
            (123456789.0, "123456789.0"),
            (9007199254740993.0, "9007199254740992.0"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.25e100, "1.25e+100"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (value, text) in cases {
            assert_eq!(float(value), text);
        }
        assert_eq!(float(f64::from(0.1_f32)), "0.10000000149011612");
    }

    #[test]
    fn names_that_are_no_word_are_quoted() {
        let cases = [
            ("host2", "host2"),
            ("<lambda>", "<lambda>"),
            ("None", "'None'"),
            ("let", "'let'"),
            ("2d", "'2d'"),
            ("it's", "'it\\'s'"),
            ("a\nb", "'a\\u{a}b'"),
            ("", "''"),
        ];
        for (text, shown) in cases {
            assert_eq!(name(text), shown);
        }
    }
}
