"""elimap beside PhaseGen (and phasic, where it is installed) on the same questions: who is right, and how long each takes.

    python3 benches/peers/distributions.py [--elimap target/release/elimap] [--out docs/beside-phasegen.md]

The truth is mpmath at 40 digits, by closed forms: the height of Kingman's tree is a sum of exponential times, the total length
is the largest of n - 1 of them at the rate 1/2 (Tavare 1984), the spectrum's covariances are Fu's (1995). Errors are absolute.
Times are the best of five in a warm process for PhaseGen and phasic, and whole commands, process start included, for elimap.
"""

import argparse
import json
import subprocess
import time

import mpmath as mp

mp.mp.dps = 40
N = 10
TIMES = [0.25, 1.0, 3.0]


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


def truth():
    mean = sum(1 / r for r in rates())
    return {
        "height: mean, variance": [mean, sum(1 / r**2 for r in rates())],
        "height: cdf at 3 times": [height(t)[0] for t in TIMES],
        "height: pdf at 3 times": [height(t)[1] for t in TIMES],
        "total length: cdf at 3 times": [length_cdf(4 * t) for t in TIMES],
        "spectrum: covariance": [x for row in fu_covariance() for x in row],
    }


def elimap(program):
    def run(model, *args):
        graph = subprocess.run([program, "model", *model], capture_output=True, check=True).stdout
        begin = time.perf_counter()
        done = subprocess.run([program, *args, "--json"], input=graph, capture_output=True, check=True)
        return json.loads(done.stdout), time.perf_counter() - begin

    def best(*args):
        runs = [run(*args) for _ in range(5)]
        return runs[0][0], min(seconds for _, seconds in runs)

    kingman, spectrum = ["kingman", str(N)], ["coalescent-sfs", str(N)]
    times = ",".join(map(str, TIMES))
    answers = {}
    found, seconds = best(kingman, "moments", "-", "--theta", "1")
    answers["height: mean, variance"] = [found["expectation"], found["variance"]], seconds
    found, seconds = best(kingman, "cdf", "-", "--theta", "1", "--times", times)
    answers["height: cdf at 3 times"] = found["cdf"], seconds
    answers["height: pdf at 3 times"] = found["pdf"], seconds
    fourfold = ",".join(str(4 * t) for t in TIMES)
    found, seconds = best(kingman, "cdf", "-", "--theta", "1", "--times", fourfold, "--reward", "s0")
    answers["total length: cdf at 3 times"] = found["cdf"], seconds
    rewards = [part for i in range(N - 1) for part in ("--reward", f"s{i}")]
    found, seconds = best(spectrum, "covariance", "-", "--theta", "1", *rewards)
    answers["spectrum: covariance"] = [x for row in found["covariance"] for x in row], seconds
    return answers


def timed(ask):
    result, best = None, float("inf")
    for _ in range(5):
        begin = time.perf_counter()
        result = ask()
        best = min(best, time.perf_counter() - begin)
    return result, best


def phasegen():
    import phasegen as pg

    make = lambda: pg.Coalescent(n=N)
    answers = {
        "height: mean, variance": timed(lambda: (lambda c: [c.tree_height.mean, c.tree_height.var])(make())),
        "height: cdf at 3 times": timed(lambda: (lambda c: [float(c.tree_height.cdf(t)) for t in TIMES])(make())),
        "height: pdf at 3 times": timed(lambda: (lambda c: [float(c.tree_height.pdf(t)) for t in TIMES])(make())),
        "spectrum: covariance": timed(
            lambda: [float(x) for row in make().sfs.cov.data[1:N] for x in row[1:N]]
        ),
    }
    try:
        answers["total length: cdf at 3 times"] = timed(
            lambda: (lambda c: [float(c.total_branch_length.cdf(4 * t)) for t in TIMES])(make())
        )
    except (AttributeError, NotImplementedError):
        pass
    return answers


def phasic():
    import phasic

    def build():
        def callback(state):
            k = int(state[0])
            return [[[k - 1], float(k * (k - 1) / 2)]] if k > 1 else []

        return phasic.Graph(callback, ipv=[[[N], 1.0]])

    graph = build()
    reward = graph.states()[:, 0]
    return {
        "height: mean, variance": timed(lambda: [graph.expectation(), graph.variance()]),
        "height: cdf at 3 times": timed(lambda: [float(graph.cdf(t)) for t in TIMES]),
        "height: pdf at 3 times": timed(lambda: [float(graph.pdf(t)) for t in TIMES]),
        "total length: cdf at 3 times": timed(
            lambda: [float(graph.reward_transform(reward).cdf(4 * t)) for t in TIMES]
        ),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--elimap", default="target/release/elimap")
    parser.add_argument("--out")
    options = parser.parse_args()
    programs = {"elimap": elimap(options.elimap)}
    for name, ask in [("PhaseGen", phasegen), ("phasic", phasic)]:
        try:
            programs[name] = ask()
        except ImportError:
            print(f"{name} is not installed, so it has no column")
    lines = [
        f"Kingman's coalescent of {N} lineages; error against 40 digits, then time.",
        "",
        "| question | " + " | ".join(programs) + " |",
        "|---|" + "---|" * len(programs),
    ]
    for question, expected in truth().items():
        cells = []
        for answers in programs.values():
            if question not in answers:
                cells.append("-")
                continue
            found, seconds = answers[question]
            error = max(abs(mp.mpf(x) - y) for x, y in zip(found, expected, strict=True))
            cells.append(f"{mp.nstr(error, 2)}, {1000 * seconds:.1f} ms")
        lines.append(f"| {question} | " + " | ".join(cells) + " |")
    text = "\n".join(lines) + "\n"
    print(text)
    if options.out:
        with open(options.out, "w") as file:
            file.write(text)


if __name__ == "__main__":
    main()
