//! The pages for users of other programs: every call in their tables occurs in the code below them, which is run.

const PAGES: [(&str, &str, usize); 3] = [
    ("phasic", include_str!("../../doc/from-phasic.md"), 100),
    (
        "PhaseTypeR",
        include_str!("../../doc/from-phasetyper.md"),
        13,
    ),
    ("PhaseGen", include_str!("../../doc/from-phasegen.md"), 13),
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

/// The code of a page.
fn code(page: &str) -> String {
    page.split("```rust")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .map(squeezed)
        .collect()
}

#[test]
fn every_question_about_a_distribution_is_run_on_the_page_for_users_of_phasic() {
    let code = code(PAGES[0].1);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/phase/distribution");
    let mut questions = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for line in text.lines() {
            let Some(rest) = line.strip_prefix("    pub fn ") else {
                continue;
            };
            let name = rest.split(['(', '<']).next().unwrap();
            let is_run = [".", "::"]
                .iter()
                .any(|dot| code.contains(&format!("{dot}{name}(")));
            assert!(is_run, "`{name}` of the line `{line}`");
            questions += 1;
        }
    }
    assert!(questions > 90, "only {questions} were found");
}

#[test]
fn every_call_of_a_table_is_run_below_it() {
    for (name, page, least) in PAGES {
        let code = code(page);
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
