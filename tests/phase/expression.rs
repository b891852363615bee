//! Reward expressions: what they mean, and what is said of those that mean nothing.

use elimap::phase::{Expression, ExpressionError, Graph, models};
use proptest::prelude::*;

/// One transient vertex with the state [3, 5, 0, 2].
fn graph() -> Graph {
    let rule = |state: &[i64; 4], out: &mut elimap::phase::Transitions<[i64; 4]>| {
        if state[0] > 0 {
            out.edge([0; 4], 1.0);
        }
    };
    let walk = Graph::explore([([3, 5, 0, 2], 1.0)], rule);
    walk.slots(["left", "right", "vertex_", "sum"])
        .build()
        .unwrap()
}

fn value(text: &str) -> f64 {
    let values = graph().reward(text).unwrap();
    assert_eq!((values[0], values[2]), (0.0, 0.0), "no time is spent there");
    values[1]
}

#[test]
fn expressions_mean_what_they_say() {
    for (text, expected) in [
        ("s0 + s1", 8.0),
        (" left+right ", 8.0),
        ("2*s0 - s1/2", 3.5),
        ("s0 - s1 - s3", -4.0),
        ("16 / 4 / 2", 2.0),
        ("2 ^ 3 ^ 2", 512.0),
        ("-2 ^ 2", -4.0),
        ("2 ^ -1", 0.5),
        ("-(s0)", -3.0),
        ("--s0", 3.0),
        ("s0 == 3", 1.0),
        ("s0 != 3 || s1 >= 5 && s2 < 1", 1.0),
        ("!(s0 > 3)", 1.0),
        ("1 + 2 < 4", 1.0),
        (".5 + 1. + 1e1 + 2E-1", 11.7),
        ("sum(s0..s3)", 10.0),
        ("sum(left..right, 1, s3)", 11.0),
        ("min(s0..s3) + max(s1, s0)", 5.0),
        ("max(sum(s0..s1), sum(s2..s3))", 8.0),
        ("abs(s2 - s1)", 5.0),
        ("if(s2 > 0, 1 / s2, 7)", 7.0),
        ("vertex", 1.0),
        ("sum * 2", 4.0),
        ("vertex_", 0.0),
    ] {
        assert_eq!(value(text), expected, "{text}");
    }
    let text = "s0+s1";
    assert_eq!(text.parse::<Expression>().unwrap().to_string(), text);
}

fn error(text: &str) -> ExpressionError {
    graph().reward(text).unwrap_err()
}

#[test]
fn errors_name_the_character() {
    for (text, expected) in [
        (
            "",
            "expression ``, character 1: expected a number, a name or `(`, found the end",
        ),
        (
            "s0 + * s1",
            "expression `s0 + * s1`, character 6: expected a number, a name or `(`, found `*`",
        ),
        (
            "s0 s1",
            "expression `s0 s1`, character 4: expected an operator or the end, found `s`",
        ),
        (
            "(s0 + s1",
            "expression `(s0 + s1`, character 9: expected an operator or `)`, found the end",
        ),
        (
            "2s0",
            "expression `2s0`, character 2: expected an operator or the end, found `s`",
        ),
        (
            "s0 + größe",
            "expression `s0 + größe`, character 6: the states have no entry `größe`; they have s0 to s3, or left, right, vertex_, sum",
        ),
        (
            "ä + s9",
            "expression `ä + s9`, character 1: the states have no entry `ä`; they have s0 to s3, or left, right, vertex_, sum",
        ),
        (
            "s0 + s9",
            "expression `s0 + s9`, character 6: the states have no entry `s9`; they have s0 to s3, or left, right, vertex_, sum",
        ),
        (
            "1 + log(s0)",
            "expression `1 + log(s0)`, character 5: expected one of the functions sum, min, max, abs, if, found `l`",
        ),
        (
            "abs(s0, s1)",
            "expression `abs(s0, s1)`, character 1: expected `abs` of one value, found `a`",
        ),
        (
            "if(s0..s1, 1, 2)",
            "expression `if(s0..s1, 1, 2)`, character 1: expected `if` of three values, found `i`",
        ),
        (
            "sum()",
            "expression `sum()`, character 5: expected a number, a name or `(`, found `)`",
        ),
        (
            "sum(s3..s1)",
            "expression `sum(s3..s1)`, character 5: `s1` comes before `s3`; write s1..s3",
        ),
        (
            "1 / s2",
            "expression `1 / s2` is inf at vertex 1 (state [3, 5, 0, 2]); rewards must be finite, so guard it, as in if(s0 > 0, 1 / s0, 0)",
        ),
        (
            "1 < 2 < 3",
            "expression `1 < 2 < 3`, character 7: expected an operator or the end, found `<`",
        ),
        (
            "s0 = 1",
            "expression `s0 = 1`, character 4: expected an operator or the end, found `=`",
        ),
    ] {
        assert_eq!(error(text).to_string(), expected, "{text}");
    }
    let unnamed = models::kingman(3).unwrap().reward("s1").unwrap_err();
    assert!(unnamed.to_string().ends_with("they have s0"), "{unnamed}");
}

#[test]
fn size_is_no_matter_of_the_stack() {
    let small = std::thread::Builder::new().stack_size(1 << 20);
    let run = || {
        let deep = format!("{}s0{}", "(".repeat(64), ")".repeat(64));
        assert_eq!(value(&deep), 3.0);
        let long = format!("s0{}", " + s1".repeat(3000));
        assert_eq!(value(&long), 15003.0);
        for text in [
            format!("{}s0", "(".repeat(65)),
            format!("{}s0", "- !".repeat(65)),
            format!("s0{}", "^s0".repeat(65)),
            "1+".repeat(10_001),
        ] {
            assert!(
                matches!(error(&text), ExpressionError::TooLarge { .. }),
                "{}",
                &text[..30]
            );
        }
        let minus = format!("s0{}", "-s1".repeat(100));
        assert_eq!(value(&minus), -497.0);
    };
    small.spawn(run).unwrap().join().unwrap();
}

proptest! {
    /// Whatever is typed is parsed or refused.
    #[test]
    fn no_text_panics(text in "[s0-9a-z_+*/^()<>=!&|,. -]{0,40}") {
        let _ = graph().reward(&text);
    }

    #[test]
    fn arithmetic_is_rusts(a in -9..9_i32, b in 1..9_i32, c in -9..9_i32) {
        let (x, y, z) = (f64::from(a), f64::from(b), f64::from(c));
        prop_assert_eq!(value(&format!("{a} + {b} * {c} - {a} / {b}")), x + y * z - x / y);
        prop_assert_eq!(value(&format!("({a} + {b}) * ({c} - {a}) ^ 2")), (x + y) * (z - x).powf(2.0));
    }
}
