# Recipes; `just` lists them.

default:
    @just --list

# Format everything.
fmt:
    cargo fmt --all

# Formatting and lints, warnings denied.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings

# All tests.
test:
    cargo test --workspace

# Documentation, warnings denied.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# Benchmarks with their baselines.
bench:
    cargo bench

# Recorded JAX cases through the public API.
conformance *CASES="tests/data/conformance/cases.json tests/data/conformance/callback_vectors.json":
    for cases in {{CASES}}; do cargo run --release --example conformance -- $cases || exit 1; done

# Every example; each asserts what it prints.
examples:
    for example in quickstart nested_vmap count_host_calls eliminate_batch pmap_refused inspect_program; do cargo run --release --example $example || exit 1; done

# What the gate runs.
ci:
    .ci/run
