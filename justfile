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

# Our speed beside peers on the same models; writes benches/RESULTS.md. `just peers --quick` for a glance.
peers *ARGS:
    python3 benches/peers/run.py {{ARGS}}

# Array programs beside JAX and numpy, in whose Python it runs; writes a section of benches/RESULTS.md.
arrays PYTHON="target/jax/bin/python" *ARGS:
    {{PYTHON}} benches/peers/arrays.py {{ARGS}}

# Gradients beside JAX's, in time and memory, in whose Python it runs; writes a section of benches/RESULTS.md.
gradients PYTHON="target/jax/bin/python" *ARGS:
    {{PYTHON}} benches/peers/gradients.py {{ARGS}}

# Instructions of compiled calls beside those recorded; `--record` records. Needs valgrind, and says so where there is none.
instructions *ARGS:
    python3 scripts/instructions.py {{ARGS}}

# The vector mathematics at a hundred million points a function, against extended precision; the Python has numpy and mpmath.
vecmath-sweep PYTHON="target/jax/bin/python" *ARGS:
    {{PYTHON}} scripts/vecmath_sweep.py {{ARGS}}

# The functions of single precision at every number there is, against double precision.
vecmath-hard:
    cargo test --release --lib every_single_number -- --ignored

# The cache under two hundred killed writers.
cache-hard:
    cargo test --test cli cache:: -- --include-ignored

# Gradients of hundreds of drifting chains, and of two thousand random graphs, against exact answers.
gradients-hard:
    cargo test --release --test phase -- --ignored many_

# Fresh questions about distributions through the public API, answered by mpmath at 60 digits; the Python has it.
distributions-fresh SEED="1" COUNT="120" PYTHON="target/jax/bin/python":
    {{PYTHON}} tests/reference/distributions.py {{SEED}} {{COUNT}} target/distributions
    cargo run --release --example reference -- target/distributions/*.json

# A million samples of each of twelve models, and of discrete ones, against their distributions.
samples-hard:
    cargo test --release --test distribution -- --ignored a_million_

# `elimap submit` against a real Slurm of one node, which it installs (Debian, root), starts and stops.
slurm-test:
    tests/slurm/run.sh

# The shards on HyperQueue through Python, and `elimap submit` where there is `hq`. Makes its virtual environment below target/.
hyperqueue-test:
    test -x target/hyperqueue/bin/python || python3 -m venv target/hyperqueue
    target/hyperqueue/bin/python -c "import hyperqueue" || target/hyperqueue/bin/pip install --quiet hyperqueue==0.27.0
    cargo build
    target/hyperqueue/bin/python examples/hyperqueue/test.py target/debug/elimap
    if command -v hq; then cargo test --test cli submit:: -- --ignored real_hyperqueue; fi

# The table that sets the trace cache beside phasic's.
cache-table:
    python3 benches/peers/cache_table.py

# Fresh random cases against a live JAX, whose virtual environment is made below target/ where there is none; `derive` for
# KIND makes derivatives, `each` those of one operation each at the numbers where conventions decide, `vocabulary` calls of one
# function each, `number_types` those on complex numbers, 16-bit floats and narrow integers,
# `broad` the derivatives of the vocabulary's functions.
conformance SEED="1" COUNT="2000" KIND="generate":
    test -x target/jax/bin/python || python3 -m venv target/jax
    target/jax/bin/python -c "import jax; assert jax.__version__ == '0.10.2'" || target/jax/bin/pip install --quiet "jax==0.10.2" numpy scipy
    python3 tests/reference/{{KIND}}.py {{SEED}} {{COUNT}} > target/cases.json
    target/jax/bin/python tests/reference/jax_runner.py target/cases.json target/answered.json
    cargo run --release --example conformance -- target/answered.json

# JAX's own tests from their jaxprs: TESTS is the folder `tests` of its repository at the same version, FILE one of its files.
harvest TESTS FILE *ARGS:
    target/jax/bin/python tests/reference/harvest.py {{TESTS}} target/harvest.jsonl --x64 {{ARGS}} {{FILE}}
    cargo run --release --example jaxprs -- target/harvest.jsonl

# Recorded JAX cases through the public API; no Python needed.
conformance-recorded *CASES="tests/data/conformance/cases.json tests/data/conformance/callback_vectors.json tests/data/conformance/cases_diff.json":
    for cases in {{CASES}}; do cargo run --release --example conformance -- $cases || exit 1; done

# The cookbook's twins run in JAX, and the lines of both counted.
cookbook PYTHON="target/jax/bin/python":
    {{PYTHON}} scripts/cookbook.py

# Every example; each asserts what it prints.
examples:
    for example in quickstart nested_vmap count_host_calls eliminate_batch pmap_refused inspect_program vmap_over_trace per_example_gradients hessian_vector differentiable_host fit_migration; do cargo run --release --example $example || exit 1; done

# What the gate runs.
ci:
    .ci/run
