"""elimap beside phasic, PhaseGen and numpy on the same questions: who is right, and how long each takes.

    cargo build --release --bench distributions --bin elimap
    python3 -m venv target/phasegen && target/phasegen/bin/pip install phasegen phasic numpy scipy mpmath
    target/phasegen/bin/python benches/peers/distributions.py [--write]

Three tables, and with `--write` a section of RESULTS.md:

1. phasic on the questions of the reference cases below `tests/data/distributions` that it answers. The truth has 34 digits.
2. PhaseGen (and phasic) on Kingman's coalescent. The truth is mpmath at 40 digits, by closed forms: the height of the tree is a
   sum of exponential times, the total length is the largest of n - 1 of them at the rate 1/2 (Tavare 1984), the
   spectrum's covariances are Fu's (1995).
3. Densities at 100 times up to four means: phasic's, and uniformization in numpy and scipy at 1e-12.

Times are the least of some runs in a warm process for all of them. Errors are relative to the largest number of an answer.
"""

import argparse
import glob
import json
import multiprocessing
import pathlib
import subprocess
import time

import mpmath as mp
import numpy as np

import rounds

mp.mp.dps = 40
HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CASES = ROOT / "tests" / "data" / "distributions"
N = 10
TIMES = [0.25, 1.0, 3.0]


def timed(ask, seconds=0.3, least=2):
    best, runs, begin = float("inf"), 0, time.perf_counter()
    while runs < least or (runs < 200 and time.perf_counter() - begin < seconds):
        start = time.perf_counter()
        result = ask()
        best = min(best, time.perf_counter() - start)
        runs += 1
        if best > 5:
            break
    return result, best


def limited(ask, patience):
    """What `timed` gives, from a process of its own that may take so many seconds."""
    context = multiprocessing.get_context("fork")
    mine, theirs = context.Pipe(duplex=False)

    def child():
        try:
            found, seconds = timed(ask)
            theirs.send(([float(x) for x in flat(found)], seconds))
        except Exception as problem:  # phasic raises all kinds
            theirs.send(type(problem).__name__)

    process = context.Process(target=child, daemon=True)
    process.start()
    answer = mine.recv() if mine.poll(patience) else f"more than {patience:g} s"
    process.kill()
    process.join()
    if isinstance(answer, str):
        raise RuntimeError(answer)
    return answer


def flat(value):
    """The numbers of an answer, as mpmath's."""
    if isinstance(value, dict):
        return [x for key in sorted(value) for x in flat(value[key])]
    if isinstance(value, (list, tuple, np.ndarray)):
        return [x for item in value for x in flat(item)]
    return [mp.mpf(value)]


def error(found, expected):
    found, expected = flat(found), flat(expected)
    if len(found) != len(expected):
        return mp.inf
    largest = max((abs(x) for x in expected), default=mp.mpf(1))
    return max((abs(x - y) for x, y in zip(found, expected)), default=mp.mpf(0)) / max(largest, mp.mpf("1e-300"))


def milliseconds(seconds):
    return f"{1000 * seconds:.3g}"


class Elimap:
    """Answers of `benches/peers/distributions.rs`."""

    def __init__(self, bench=None):
        if bench:
            self.bench = bench
            return
        built = ["cargo", "bench", "--no-run", "--bench", "distributions", "--message-format", "json"]
        lines = subprocess.run(built, capture_output=True, check=True, cwd=ROOT, text=True).stdout.splitlines()
        found = [json.loads(line) for line in lines if line.startswith("{")]
        self.bench = [m["executable"] for m in found if m.get("target", {}).get("name") == "distributions" and m.get("executable")][-1]

    def cases(self, files):
        out = subprocess.run([self.bench, "--cases", *map(str, files)], capture_output=True, check=True, text=True)
        return {(a["case"], a["question"]): a for a in json.loads(out.stdout)}

    def ask(self, graph, theta, questions):
        """Answers to questions about one graph."""
        path = ROOT / "target" / "distributions-case.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"name": "case", "graph": graph, "theta": theta, "questions": questions}))
        return list(self.cases([path]).values())

    def figures(self):
        return subprocess.run([self.bench], capture_output=True, check=True, text=True).stdout


def phasic_graph(graph, theta):
    import phasic

    width = {"edges": 3, "constant_edges": 3, "start_edges": 2}
    width |= {"param_edges": 2 + graph["param_length"], "start_param_edges": 1 + graph["param_length"]}
    data = dict(graph)
    for name, columns in width.items():
        data[name] = np.array(graph.get(name, []), dtype=np.float64).reshape(-1, columns)
    for name in ("states", "vertex_indices"):
        data[name] = np.array(graph[name], dtype=np.int32)
    made = phasic.Graph.from_serialized(data)
    if theta:
        made.update_weights(theta)
    return made


def phasic_answer(graph, question, discrete):
    """What phasic answers, if it has the question."""
    ask = question["ask"]
    if discrete:
        steps = question.get("steps", [])
        return {
            "pmf": lambda: [float(graph.pdf_discrete(k)) for k in steps],
            "cdf": lambda: [float(graph.cdf_discrete(k)) for k in steps],
            "variance": lambda: graph.variance_discrete(),
            "covariance": lambda: [[graph.covariance_discrete(a, b) for a in question["rewards"]] for b in question["rewards"]],
        }.get(ask)
    rewards, times = question.get("rewards"), question.get("times", [])
    of_vertices = lambda call: [[call(t)[v] for v in question["vertices"]] for t in times]
    return {
        "pdf": lambda: [float(graph.pdf(t)) for t in times],
        "cdf": lambda: [float(graph.cdf(t)) for t in times],
        "moments": lambda: graph.moments(question["order"]),
        "variance": lambda: graph.variance(),
        "reward_moments": lambda: graph.moments(question["order"], rewards),
        "covariance": lambda: [[graph.covariance(a, b) for a in rewards] for b in rewards],
        "state_probabilities": lambda: of_vertices(graph.state_probability),
        "occupancy": lambda: of_vertices(graph.accumulated_occupancy),
        "sojourn_times": lambda: [graph.expected_sojourn_time()[v] for v in question["vertices"]],
        "waiting_times": lambda: [graph.expected_waiting_time()[v] for v in question["vertices"]],
        "laplace": lambda: [graph.laplace_transform(u).expectation() for u in question["at"]],
    }.get(ask)


def reference_table(ours, patience=10):
    """phasic and elimap on the reference cases."""
    rows = ["| model | question | elimap: error | ms | phasic: error | ms |", "| --- | --- | --- | --- | --- | --- |"]
    files = sorted(map(pathlib.Path, glob.glob(str(CASES / "*.json"))))
    answers = ours.cases(files)
    tally = {"elimap": [0, 0], "phasic": [0, 0]}
    for file in files:
        case = json.loads(file.read_text())
        if "graph" not in case:
            continue
        try:
            graph = phasic_graph(case["graph"], case["theta"])
        except Exception as problem:  # phasic raises all kinds
            graph = str(problem).splitlines()[0][:60]
        for index, question in enumerate(case["questions"]):
            mine = answers.get((case["name"], index))
            if mine is None:
                continue
            ask = None if isinstance(graph, str) else phasic_answer(graph, question, case["graph"].get("discrete", False))
            if ask is None:
                continue
            own = error(mine["answer"], question["answer"])
            try:
                found, seconds = limited(ask, patience)
                other = error(found, flat(question["answer"]))
                theirs = f"{mp.nstr(other, 2)} | {milliseconds(seconds)}"
            except RuntimeError as problem:
                other, theirs = mp.inf, f"- | {problem}"
            for name, off in (("elimap", own), ("phasic", other)):
                tally[name][0] += bool(off < 1e-10)
                tally[name][1] += 1
            cells = f"{mp.nstr(own, 2)} | {milliseconds(mine['seconds'])} | {theirs}"
            rows.append(f"| {case['name']} | {question['ask']} | {cells} |")
            print(rows[-1], flush=True)
    counts = ", ".join(f"{name} {right} of {all}" for name, (right, all) in tally.items())
    return rows + ["", f"Right to 1e-10: {counts}."]


def rates():
    return [mp.mpf(k * (k - 1)) / 2 for k in range(2, N + 1)]


def height(t):
    """cdf and pdf of the height by partial fractions."""
    cdf, pdf = mp.mpf(1), mp.mpf(0)
    for i, a in enumerate(rates()):
        weight = mp.mpf(1)
        for j, b in enumerate(rates()):
            if i != j:
                weight *= b / (b - a)
        cdf -= weight * mp.e ** (-a * t)
        pdf += weight * a * mp.e ** (-a * t)
    return cdf, pdf


def length_cdf(t):
    return (1 - mp.e ** (-mp.mpf(t) / 2)) ** (N - 1)


def length_pdf(t):
    return (N - 1) * (1 - mp.e ** (-mp.mpf(t) / 2)) ** (N - 2) * mp.e ** (-mp.mpf(t) / 2) / 2


def fu_covariance():
    """Covariances of branch lengths by number of descendants (Fu 1995, equations 2 and 3), for a coalescence rate of 1."""
    a = lambda n: sum(mp.mpf(1) / k for k in range(1, n))
    beta = lambda i: mp.mpf(2 * N) / ((N - i + 1) * (N - i)) * (a(N + 1) - a(i)) - mp.mpf(2) / (N - i)

    def sigma(i, j):
        if i == j:
            if 2 * i < N:
                return beta(i + 1)
            if 2 * i == N:
                return 2 * (a(N) - a(i)) / (N - i) - mp.mpf(1) / (i * i)
            return beta(i) - mp.mpf(1) / (i * i)
        i, j = max(i, j), min(i, j)
        if i + j < N:
            return (beta(i + 1) - beta(i)) / 2
        if i + j == N:
            return (a(N) - a(i)) / (N - i) + (a(N) - a(j)) / (N - j) - (beta(i) + beta(j + 1)) / 2 - mp.mpf(1) / (i * j)
        return (beta(j) - beta(j + 1)) / 2 - mp.mpf(1) / (i * j)

    # Fu's theta counts mutations at theta/2 per unit of length: lengths have 4 times the covariance.
    return [[4 * sigma(i, j) for j in range(1, N)] for i in range(1, N)]


FOURFOLD = [4 * t for t in TIMES]


def coalescent_truth():
    mean = sum(1 / r for r in rates())
    return {
        "height: mean, variance": [mean, sum(1 / r**2 for r in rates())],
        "height: cdf": [height(t)[0] for t in TIMES],
        "height: pdf": [height(t)[1] for t in TIMES],
        "total length: cdf": [length_cdf(t) for t in FOURFOLD],
        "total length: pdf": [length_pdf(t) for t in FOURFOLD],
        "spectrum: covariance": fu_covariance(),
    }


def model(program, *words):
    return json.loads(subprocess.run([program, "model", *words], capture_output=True, check=True).stdout)


def coalescent_elimap(ours, program):
    kingman, spectrum = model(program, "kingman", str(N)), model(program, "coalescent-sfs", str(N))
    lineages = [state[0] for state in kingman["states"]]
    by_size = [[state[i] for state in spectrum["states"]] for i in range(N - 1)]
    found = ours.ask(
        kingman,
        [1.0],
        [
            {"ask": "moments", "order": 1},
            {"ask": "variance"},
            {"ask": "cdf", "times": TIMES},
            {"ask": "pdf", "times": TIMES},
            {"ask": "reward_distribution", "rewards": lineages, "at": FOURFOLD},
        ],
    )
    mean, variance, cdf, pdf, length = found
    covariance = ours.ask(spectrum, [1.0], [{"ask": "covariance", "rewards": by_size}])[0]
    return {
        "height: mean, variance": ([mean["answer"][0], variance["answer"]], mean["seconds"] + variance["seconds"]),
        "height: cdf": (cdf["answer"], cdf["seconds"]),
        "height: pdf": (pdf["answer"], pdf["seconds"]),
        # Both with the transformation of the graph.
        "total length: cdf": (length["answer"]["cdf"], length["seconds"]),
        "total length: pdf": (length["answer"]["pdf"], length["seconds"]),
        "spectrum: covariance": (covariance["answer"], covariance["seconds"]),
    }


def coalescent_phasegen():
    import phasegen as pg

    make = lambda: pg.Coalescent(n=N)
    return {
        "height: mean, variance": timed(lambda: (lambda c: [c.tree_height.mean, c.tree_height.var])(make())),
        "height: cdf": timed(lambda: (lambda c: [float(c.tree_height.cdf(t)) for t in TIMES])(make())),
        "height: pdf": timed(lambda: (lambda c: [float(c.tree_height.pdf(t)) for t in TIMES])(make())),
        "total length: cdf": timed(lambda: (lambda c: [float(c.total_branch_length.cdf(t)) for t in FOURFOLD])(make())),
        "total length: pdf": timed(lambda: (lambda c: [float(c.total_branch_length.pdf(t)) for t in FOURFOLD])(make())),
        "spectrum: covariance": timed(lambda: [float(x) for row in make().sfs.cov.data[1:N] for x in row[1:N]]),
    }


def coalescent_phasic(program):
    graph = phasic_graph(model(program, "kingman", str(N)), [1.0])
    reward = graph.states()[:, 0]
    length = lambda: graph.reward_transform(reward)
    return {
        "height: mean, variance": timed(lambda: [graph.expectation(), graph.variance()]),
        "height: cdf": timed(lambda: [float(graph.cdf(t)) for t in TIMES]),
        "height: pdf": timed(lambda: [float(graph.pdf(t)) for t in TIMES]),
        "total length: cdf": timed(lambda: [float(length().cdf(t)) for t in FOURFOLD]),
        "total length: pdf": timed(lambda: [float(length().pdf(t)) for t in FOURFOLD]),
    }


def coalescent_table(ours, program):
    programs = {"elimap": coalescent_elimap(ours, program)}
    for name, ask in [("PhaseGen", coalescent_phasegen), ("phasic", lambda: coalescent_phasic(program))]:
        try:
            programs[name] = ask()
        except ImportError:
            print(f"{name} is not installed, so it has no column")
    rows = [
        "| question | " + " | ".join(f"{name}: error | ms" for name in programs) + " |",
        "| --- |" + " --- | --- |" * len(programs),
    ]
    for question, expected in coalescent_truth().items():
        cells = []
        for answers in programs.values():
            if question not in answers:
                cells.append("- | -")
                continue
            found, seconds = answers[question]
            cells.append(f"{mp.nstr(error(found, flat(expected)), 2)} | {milliseconds(seconds)}")
        rows.append(f"| {question} | " + " | ".join(cells) + " |")
    return rows


def numpy_pdf(graph, theta, times):
    """Uniformization at 1e-12 with scipy's sparse rows, for graphs that start with all their mass."""
    import scipy.sparse as sparse
    from scipy.stats import poisson

    count = graph["n_vertices"]
    edges = [(int(a), int(b), c) for a, b, c in graph.get("constant_edges", []) + graph.get("edges", [])]
    edges += [(int(e[0]), int(e[1]), float(np.dot(e[2:], theta))) for e in graph.get("param_edges", [])]
    source, target, rate = map(np.array, zip(*edges))
    leaving = np.bincount(source, rate, minlength=count)
    fastest = leaving.max()
    moves = sparse.csr_matrix((rate / fastest, (target, source)), shape=(count, count)) + sparse.diags(1 - leaving / fastest)
    ends = leaving == 0
    exits = np.bincount(source, np.where(ends[target], rate, 0), minlength=count)
    state = np.zeros(count)
    for to, p in graph["start_edges"]:
        state[int(to)] = p

    def run():
        v, found = state.copy(), np.zeros(len(times))
        windows = [poisson.interval(1 - 1e-13, fastest * t) for t in times]
        last = int(max(high for _, high in windows)) + 1
        flows = np.empty(last + 1)
        for k in range(last + 1):
            flows[k] = v @ exits
            v = moves @ v
        for i, (t, (low, high)) in enumerate(zip(times, windows)):
            ks = np.arange(int(low), int(high) + 1)
            found[i] = poisson.pmf(ks, fastest * t) @ flows[ks]
        return found

    return run


MODELS = [
    (["birth-death", "100"], [1.0, 1.0]),
    (["birth-death", "1000"], [0.9, 1.0]),
    (["coalescent-sfs", "20"], [1.0]),
    (["islands-sfs", "8"], [1.0, 0.5, 0.1, 0.2]),
    (["islands-sfs", "12"], [1.0, 0.5, 0.1, 0.2]),
    (["kingman", "50"], [1.0]),
    (["two-locus-arg-sfs", "5"], [1.0, 0.5]),
    (["grid-walk", "30", "30"], None),
    (["queue", "40"], [0.8, 1.0]),
    (["k-out-of-n", "3", "5"], [0.1, 2.0]),
    (["random-block", "500", "4"], None),
    (["erlang", "100"], [1.0]),
]


def density_table(ours, program, patience):
    rows = [
        "| model | vertices | elimap: ms | numpy: ms | off | phasic: ms | off |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for words, theta in MODELS:
        try:
            graph = model(program, *words)
        except subprocess.CalledProcessError as problem:
            print(f"{words}: {problem.stderr.decode().strip()}")
            continue
        theta = theta or [1.0] * graph["param_length"]
        mean = ours.ask(graph, theta, [{"ask": "moments", "order": 1}])[0]["answer"][0]
        times = [4 * mean * k / 100 for k in range(1, 101)]
        mine = ours.ask(graph, theta, [{"ask": "pdf", "times": times}])[0]
        cells = [" ".join(words), str(graph["n_vertices"]), milliseconds(mine["seconds"])]
        run = numpy_pdf(graph, theta, times)
        found, seconds = timed(run, 0.3, 1)
        cells += [milliseconds(seconds), mp.nstr(error(found, mine["answer"]), 2)]
        other = phasic_graph(graph, theta)
        try:
            found, seconds = limited(lambda: [float(other.pdf(t)) for t in times], patience)
            cells += [milliseconds(seconds), mp.nstr(error(found, mine["answer"]), 2)]
        except RuntimeError as problem:
            cells += [str(problem), "-"]
        rows.append("| " + " | ".join(cells) + " |")
        print(rows[-1], flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--elimap", default=str(ROOT / "target" / "release" / "elimap"))
    parser.add_argument("--bench", help="the benchmark `distributions`, where it is built already")
    parser.add_argument("--patience", type=float, default=60, help="seconds that phasic may take for a model")
    parser.add_argument("--write", action="store_true", help="write the section of RESULTS.md")
    options = parser.parse_args()
    ours = Elimap(options.bench)
    lines = [
        "## Distributions",
        "",
        "`benches/peers/distributions.py`: all in warm processes, milliseconds, least of some runs; errors relative to the largest number of",
        "an answer. The truth of the reference cases has 34 digits, that of the coalescent 40, by closed forms. phasic keeps what it has",
        "computed for a graph, so its repeated questions cost next to nothing; ours are computed anew each time.",
        "",
        f"Kingman's coalescent of {N} lineages, beside PhaseGen and phasic, three times each:",
        "",
        *coalescent_table(ours, options.elimap),
        "",
        "The reference cases, beside phasic:",
        "",
        *reference_table(ours),
        "",
        "Densities at 100 times up to four means. The columns `off` are differences from elimap, at whose tolerance of 1e-12 per mean numpy's",
        "uniformization runs too.",
        "",
        *density_table(ours, options.elimap, options.patience),
        "",
        "Figures of the specification:",
        "",
        ours.figures().strip(),
    ]
    print("\n".join(lines))
    if options.write:
        rounds.write_section("distributions", lines)


if __name__ == "__main__":
    main()
