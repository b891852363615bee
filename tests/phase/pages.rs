//! The pages for users of other programs: every call in their tables occurs in the code below them, which is run.

const PAGES: [(&str, &str, usize); 3] = [
    ("phasic", include_str!("../../docs/from-phasic.md"), 20),
    (
        "PhaseTypeR",
        include_str!("../../docs/from-phasetyper.md"),
        13,
    ),
    ("PhaseGen", include_str!("../../docs/from-phasegen.md"), 13),
];

fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// The code of the second column of tables.
fn calls(page: &str) -> Vec<&str> {
    let rows = page.lines().filter(|line| line.starts_with("| "));
    let cells = rows.filter_map(|row| row.trim_end_matches('|').rsplit(" | ").next());
    cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect()
}

#[test]
fn every_call_of_a_table_is_run_below_it() {
    for (name, page, least) in PAGES {
        let code: String = page
            .split("```rust")
            .skip(1)
            .filter_map(|rest| rest.split("```").next())
            .map(squeezed)
            .collect();
        let calls = calls(page);
        assert!(
            calls.len() >= least,
            "{name}: only {} calls were found",
            calls.len()
        );
        for call in calls {
            // What is typed in a shell is tested there.
            if !call.starts_with("elimap ") {
                let call = squeezed(call.trim_end_matches('?'));
                assert!(code.contains(&call), "{name}: `{call}` is not run");
            }
        }
    }
}
