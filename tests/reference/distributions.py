"""Fresh questions about phase-type distributions, answered at 60 digits.

    python3 tests/reference/distributions.py SEED COUNT FOLDER

writes COUNT models with some twenty questions each as case files for `cargo run --release --example reference`. Models are drawn
among queues, coalescents, rings, repair systems, random blocks, acyclic and defective ones, discrete ones and pairs; answers are
mpmath's, from the matrices: exponentials by its own scaling and squaring, moments by solves, derivatives by the exponential of
a block matrix (Van Loan 1978).
"""

import itertools
import json
import random
import sys
from pathlib import Path

import mpmath as mp

mp.mp.dps = 60


def text(value):
    if isinstance(value, (list, tuple)):
        return [text(item) for item in value]
    if isinstance(value, dict):
        return {key: text(item) for key, item in value.items()}
    if isinstance(value, int):
        return value
    return mp.nstr(value, 40, strip_zeros=False, min_fixed=-5, max_fixed=5)


class Model:
    """A graph at a theta: transient vertices 1..n, absorbing ones after them."""

    def __init__(self, name, phases, ends, parameters, discrete=False):
        self.name, self.n, self.ends, self.parameters, self.discrete = name, phases, ends, parameters, discrete
        self.edges, self.start, self.labels = [], [], [[0]] + [[v] for v in range(1, phases + ends + 1)]

    def edge(self, a, b, *coefficients):
        if any(coefficients):
            self.edges.append((a, b, [float(c) for c in coefficients]))

    @property
    def count(self):
        return 1 + self.n + self.ends

    def graph(self):
        constant = self.parameters == 0
        graph = {
            "states": self.labels,
            "vertex_indices": list(range(self.count)),
            "edges": [],
            "constant_edges": [[a, b, c[0]] for a, b, c in self.edges] if constant else [],
            "start_edges": [[v, p] for v, p in self.start],
            "param_edges": [] if constant else [[a, b, *c] for a, b, c in self.edges],
            "start_param_edges": [],
            "param_length": self.parameters,
            "state_length": 1,
            "n_vertices": self.count,
        }
        if self.discrete:
            graph["discrete"] = True
        return graph

    def rates(self, theta, by=None):
        """Rates as a matrix over all vertices, or their derivatives by a parameter."""
        m = mp.zeros(self.count, self.count)
        for a, b, c in self.edges:
            if self.parameters == 0:
                m[a, b] += mp.mpf(c[0])
            elif by is None:
                m[a, b] += sum(mp.mpf(x) * mp.mpf(t) for x, t in zip(c, theta))
            else:
                m[a, b] += mp.mpf(c[by])
        return m

    def at(self, theta):
        return At(self, theta)


class At:
    def __init__(self, model, theta):
        self.model, self.theta = model, theta
        n = model.n
        w = model.rates(theta)
        self.s = self.generator(w)
        self.exits = mp.matrix([[sum(w[1 + i, 1 + n + k] for k in range(model.ends))] for i in range(n)])
        self.by_end = mp.matrix([[w[1 + i, 1 + n + k] for k in range(model.ends)] for i in range(n)])
        self.alpha = mp.zeros(1, n)
        self.started = mp.zeros(1, model.ends)
        for v, p in model.start:
            if v <= n:
                self.alpha[0, v - 1] += mp.mpf(p)
            else:
                self.started[0, v - 1 - n] += mp.mpf(p)
        self.zero = 1 - sum(self.alpha)
        self.one = mp.ones(n, 1)
        self.u = -mp.inverse(self.s)
        self.slopes = [self.generator(model.rates(theta, k)) for k in range(model.parameters)]

    def generator(self, w):
        n = self.model.n
        s = mp.matrix(n, n)
        for i in range(n):
            for j in range(n):
                s[i, j] = w[1 + i, 1 + j]
            s[i, i] -= sum(w[1 + i, b] for b in range(1, self.model.count))
        return s

    def expm(self, m):
        # More digits for what squaring loses.
        size = max(1, max(abs(x) for x in m))
        with mp.workdps(70 + int(mp.log10(size)) * 2):
            return mp.expm(m)

    def propagate(self, t):
        key = mp.mpf(t)
        cache = self.__dict__.setdefault("cache", {})
        if key not in cache:
            cache[key] = self.alpha * self.expm(self.s * key)
        return cache[key]

    def survival(self, t):
        return sum(self.propagate(t))

    def pdf(self, t):
        return (self.propagate(t) * self.exits)[0]

    def cdf(self, t):
        return 1 - self.survival(t)

    def quantile(self, p):
        p = mp.mpf(p)
        if p <= self.zero:
            return mp.mpf(0)
        goal = 1 - p
        low, high = mp.mpf(0), self.moments(1)[0]
        while self.survival(high) > goal:
            low, high = high, 2 * high
        t = (low + high) / 2
        for _ in range(200):
            survival = self.survival(t)
            if survival > goal:
                low = t
            else:
                high = t
            step = (survival - goal) / self.pdf(t)
            after = t + step
            if not low < after < high:
                after = (low + high) / 2
            if abs(after - t) <= mp.mpf(10) ** -45 * after:
                return after
            t = after
        return t

    def slopes_at(self, t):
        """Derivatives of pdf and cdf by each parameter."""
        n, found = self.model.n, []
        for k, slope in enumerate(self.slopes):
            block = mp.zeros(2 * n, 2 * n)
            for i in range(n):
                for j in range(n):
                    block[i, j] = self.s[i, j]
                    block[n + i, n + j] = self.s[i, j]
                    block[i, n + j] = slope[i, j]
            e = self.expm(block * mp.mpf(t))
            plain, upper = mp.matrix(1, n), mp.matrix(1, n)
            for j in range(n):
                plain[0, j] = sum(self.alpha[0, i] * e[i, j] for i in range(n))
                upper[0, j] = sum(self.alpha[0, i] * e[i, n + j] for i in range(n))
            w = self.model.rates(self.theta, k)
            exits = mp.matrix([[sum(w[1 + i, 1 + n + m] for m in range(self.model.ends))] for i in range(n)])
            found.append(((upper * self.exits)[0] + (plain * exits)[0], -sum(upper)))
        return found

    def moments(self, order, reward=None):
        x, found = self.one, []
        for k in range(1, order + 1):
            x = self.u * self.diag(reward) * x * k if reward is not None else self.u * x * k
            found.append((self.alpha * x)[0])
        return found

    def diag(self, reward):
        return mp.diag([mp.mpf(r) for r in reward[1 : 1 + self.model.n]])

    def laplace(self, u, order):
        n = self.model.n
        r = mp.inverse(mp.mpf(u) * mp.eye(n) - self.s)
        x, found = r * self.exits, []
        found.append(self.zero + (self.alpha * x)[0])
        for k in range(1, order + 1):
            x = r * x * (-k)
            found.append((self.alpha * x)[0])
        return found

    def second(self, a, b):
        ra, rb = self.diag(a), self.diag(b)
        return (self.alpha * self.u * (ra * self.u * rb + rb * self.u * ra) * self.one)[0]

    def mean(self, a):
        return (self.alpha * self.u * self.diag(a) * self.one)[0]

    def covariance(self, rewards):
        means = [self.mean(r) for r in rewards]
        return [[self.second(a, b) - x * y for b, y in zip(rewards, means)] for a, x in zip(rewards, means)]

    def joint_moment(self, rewards):
        total = mp.mpf(0)
        for order in itertools.permutations(range(len(rewards))):
            x = self.one
            for k in order:
                x = self.u * self.diag(rewards[k]) * x
            total += (self.alpha * x)[0]
        return total

    def joint_laplace(self, rewards, at):
        kill = sum((mp.mpf(u) * self.diag(r) for r, u in zip(rewards, at)), mp.zeros(self.model.n, self.model.n))
        return self.zero + (self.alpha * mp.inverse(kill - self.s) * self.exits)[0]

    def occupancy(self, t):
        n = self.model.n
        block = mp.zeros(2 * n, 2 * n)
        for i in range(n):
            block[i, n + i] = 1
            for j in range(n):
                block[i, j] = self.s[i, j]
        # exp of [[S, I], [0, 0]] has the integral of exp(S t) above.
        e = self.expm(block * mp.mpf(t))
        return [sum(self.alpha[0, i] * e[i, n + j] for i in range(n)) for j in range(n)]

    def reward(self, reward):
        """The distribution of a reward: zero rewards are eliminated."""
        n = self.model.n
        r = [mp.mpf(reward[1 + i]) for i in range(n)]
        keep = [i for i in range(n) if r[i] > 0]
        drop = [i for i in range(n) if r[i] == 0]
        made = object.__new__(At)
        made.model = Model("reward", len(keep), 1, 0)
        sub = lambda rows, columns: mp.matrix([[self.s[i, j] for j in columns] for i in rows])
        start = mp.matrix([[self.alpha[0, i] for i in keep]])
        s = sub(keep, keep)
        if drop:
            inverse = -mp.inverse(sub(drop, drop))
            s = s + sub(keep, drop) * inverse * sub(drop, keep)
            start = start + mp.matrix([[self.alpha[0, i] for i in drop]]) * inverse * sub(drop, keep)
        for i, k in enumerate(keep):
            for j in range(len(keep)):
                s[i, j] /= r[k]
        made.s, made.alpha = s, start
        made.one = mp.ones(len(keep), 1)
        made.exits = -(s * made.one)
        made.zero = 1 - sum(start)
        made.u = -mp.inverse(s)
        return made


class Steps(At):
    """A discrete model: `s` is the matrix of steps, `exits` their probabilities to end."""

    def generator(self, w):
        n = self.model.n
        return mp.matrix([[w[1 + i, 1 + j] for j in range(n)] for i in range(n)])

    def __init__(self, model, theta):
        super().__init__(model, theta)
        self.u = mp.inverse(mp.eye(model.n) - self.s)

    def pmf(self, k):
        return self.zero if k == 0 else (self.alpha * self.s ** (k - 1) * self.exits)[0]

    def cdf(self, k):
        return 1 - (self.alpha * self.s**k * self.one)[0]

    def quantile(self, p):
        k, v = 0, self.alpha.copy()
        while 1 - sum(v) < mp.mpf(p):
            v = v * self.s
            k += 1
        return k

    def factorial_moments(self, order):
        x, found = self.u * self.one, []
        for k in range(1, order + 1):
            if k > 1:
                x = self.u * self.s * x * k
            found.append((self.alpha * x)[0])
        return found

    def pgf(self, z):
        z = mp.mpf(z)
        return self.zero + z * (self.alpha * mp.inverse(mp.eye(self.model.n) - z * self.s) * self.exits)[0]

    def covariance(self, rewards):
        means = [(self.alpha * self.u * self.diag(r) * self.one)[0] for r in rewards]

        def second(a, b):
            ra, rb = self.diag(a), self.diag(b)
            ts = self.u * self.s
            return (self.alpha * self.u * (ra * rb + ra * self.s * self.u * rb + rb * self.s * self.u * ra) * self.one)[0]

        return [[second(a, b) - x * y for b, y in zip(rewards, means)] for a, x in zip(rewards, means)]

    def reward_pmf(self, reward, most):
        """P(sum of rewards = k) for k to `most`, state by state."""
        n = self.model.n
        r = [int(reward[1 + i]) for i in range(n)]
        # Generating functions up to a degree: x_i(z) = z^r_i (exits_i + sum of s_ij x_j(z)), degree by degree.
        zero = [i for i in range(n) if r[i] == 0]
        x = [[mp.mpf(0)] * (most + 1) for _ in range(n)]
        if zero:
            inner = mp.inverse(mp.eye(len(zero)) - mp.matrix([[self.s[i, j] for j in zero] for i in zero]))
        for d in range(most + 1):
            for i in range(n):
                if r[i] > 0:
                    x[i][d] = mp.mpf(0)
                    if d >= r[i]:
                        before = d - r[i]
                        x[i][d] = (self.exits[i] if before == 0 else 0) + sum(self.s[i, j] * x[j][before] for j in range(n))
            if zero:
                right = mp.matrix([[(self.exits[i] if d == 0 else 0) + sum(self.s[i, j] * x[j][d] for j in range(n) if r[j] > 0)] for i in zero])
                solved = inner * right
                for place, i in enumerate(zero):
                    x[i][d] = solved[place]
        return [(self.zero if d == 0 else 0) + sum(self.alpha[0, i] * x[i][d] for i in range(n)) for d in range(most + 1)]


def decimals(rng, low, high):
    return round(rng.uniform(low, high), rng.choice([1, 2, 3, 6]))


def draw(rng):
    """A model and a theta."""
    kind = rng.choice(["queue", "kingman", "islands", "ring", "repair", "block", "coxian", "hyper", "erlang", "stiff", "two-exits", "busy"])
    theta = [max(0.05, decimals(rng, 0.1, 2.5)) for _ in range(2)]
    if kind == "queue" or kind == "busy":
        n = rng.randint(3, 9)
        m = Model(f"{kind} {n}", n, 1, 2)
        for i in range(1, n + 1):
            m.edge(i, i + 1, 1, 0)
            if i > 1 or kind == "busy":
                m.edge(i, i - 1 if i > 1 else n + 1, 0, 1)
        m.start = [(rng.randint(1, n), 1.0)]
        if kind == "busy":
            m.edges = [e for e in m.edges if not (e[0] == n and e[1] == n + 1 and e[2] == [1.0, 0.0])]
    elif kind == "kingman":
        n = rng.randint(3, 8)
        m, theta = Model(f"kingman {n}", n - 1, 1, 1), theta[:1]
        for k in range(n, 1, -1):
            m.edge(n - k + 1, n - k + 2, k * (k - 1) / 2)
        m.labels = [[0]] + [[n - v + 1] for v in range(1, n + 1)]
        m.start = [(1, 1.0)]
    elif kind == "islands":
        n = rng.randint(2, 4)
        states = [(a, k - a) for k in range(n, 1, -1) for a in range(k + 1)]
        m, theta = Model(f"islands {n}", len(states), 1, 3), theta + [decimals(rng, 0.1, 3)]
        place = {s: i + 1 for i, s in enumerate(states)}
        for (a, b), v in place.items():
            to = lambda s: place.get(s, len(states) + 1)
            if a > 1:
                m.edge(v, to((a - 1, b)), a * (a - 1) / 2, 0, 0)
            if b > 1:
                m.edge(v, to((a, b - 1)), 0, b * (b - 1) / 2, 0)
            if a:
                m.edge(v, to((a - 1, b + 1)), 0, 0, a)
            if b:
                m.edge(v, to((a + 1, b - 1)), 0, 0, b)
        m.start = [(rng.randint(1, n + 1), 1.0)]
    elif kind == "ring":
        n = rng.randint(4, 10)
        m = Model(f"ring {n}", n, 1, 2)
        for i in range(1, n + 1):
            m.edge(i, i % n + 1, 1, rng.choice([0, 0.25]))
        m.edge(rng.randint(1, n), n + 1, 0, rng.choice([1, 0.125, 2**-10]))
        m.start = [(1, 0.5), (n // 2, 0.5)]
    elif kind == "repair":
        n = rng.randint(3, 6)
        m, theta = Model(f"repair {n}", n, 1, 2), [decimals(rng, 0.01, 0.3) or 0.01, decimals(rng, 1, 5)]
        for i in range(1, n + 1):
            m.edge(i, i + 1, n + 1 - i, 0)
            if i > 1:
                m.edge(i, i - 1, 0, 1)
        m.start = [(1, 1.0)]
    elif kind == "stiff":
        n = rng.randint(8, 14)
        m, theta = Model(f"stiff {n}", n, 1, 2), [decimals(rng, 0.1, 0.5) or 0.1, 1.0]
        for i in range(1, n + 1):
            m.edge(i, i + 1, 1, 0)
            if i > 1:
                m.edge(i, i - 1, 0, 1)
        m.start = [(1, 1.0)]
    elif kind in ("block", "two-exits"):
        n = rng.randint(3, 8)
        ends = 2 if kind == "two-exits" else 1
        m = Model(f"{kind} {n}", n, ends, 2)
        for i in range(1, n + 1):
            for j in rng.sample(range(1, n + 1), rng.randint(1, min(3, n))):
                if i != j:
                    m.edge(i, j, decimals(rng, 0, 1.5), decimals(rng, 0.1, 1.5))
            m.edge(i, i % n + 1, 0.5, 0.125)
        for k in range(ends):
            m.edge(rng.randint(1, n), n + 1 + k, decimals(rng, 0.1, 1), decimals(rng, 0, 1))
        m.start = [(1, 0.5), (2, 0.25)] + ([(3, 0.25)] if rng.random() < 0.5 else [])
        if rng.random() < 0.3:
            m.start.append((n + 1, 0.125)) if sum(p for _, p in m.start) < 1 else None
    elif kind == "coxian":
        n = rng.randint(2, 7)
        m, theta = Model(f"coxian {n}", n, 1, 1), theta[:1]
        for i in range(1, n + 1):
            if i < n:
                m.edge(i, i + 1, decimals(rng, 0.3, 5))
            m.edge(i, n + 1, decimals(rng, 0.1, 2) or 0.1)
        m.start = [(1, 1.0)]
    elif kind == "hyper":
        n = rng.randint(2, 4)
        m, theta = Model(f"hyperexponential {n}", n, 1, n), [0.25 * 8**k for k in range(n)]
        for i in range(1, n + 1):
            m.edge(i, n + 1, *[1.0 if k + 1 == i else 0.0 for k in range(n)])
        m.start = [(i, 0.25) for i in range(1, min(n, 3) + 1)]
    else:
        n = rng.randint(2, 9)
        m, theta = Model(f"erlang {n}", n, 1, 1), theta[:1]
        for i in range(1, n + 1):
            m.edge(i, i + 1, 1)
        m.start = [(1, 1.0)]
    return m, theta


def draw_rewards(rng, model, count):
    choices = [0, 0, 1, 1, 2, 0.5, 3]
    rows = []
    while len(rows) < count:
        row = [0] + [rng.choice(choices) for _ in range(model.n)] + [0] * model.ends
        if any(row):
            rows.append(row)
    return rows


def questions(rng, model, theta):
    at = model.at(theta)
    mean = at.moments(1)[0]
    shares = sorted(rng.choice([0.01, 0.1, 0.3, 0.7, 1, 2, 4]) * rng.uniform(0.8, 1.2) for _ in range(3))
    times = [float(mean) * share for share in shares]
    ends = list(range(model.n + 1, model.count))
    phases = list(range(1, model.n + 1))
    out = []

    def ask(kind, answer, tolerance, **arguments):
        out.append({"ask": kind, **arguments, "answer": text(answer), "tolerance": tolerance})

    ask("pdf", [at.pdf(t) for t in times], "absolute 1e-12 x max pdf", times=times)
    ask("cdf", [at.cdf(t) for t in times], "absolute 1e-12", times=times)
    ask("survival", [at.survival(t) for t in times], "relative 1e-10", times=times)
    ask("hazard", [at.pdf(t) / at.survival(t) for t in times], "relative 1e-10", times=times)
    ps = [0.5, 0.99, rng.choice([0.01, 0.9999999])]
    ask("quantile", [at.quantile(p) for p in ps], "relative 1e-10", probabilities=ps)
    ask("moments", at.moments(6), "relative 1e-12", order=6)
    first, second = at.moments(2)
    ask("variance", second - first**2, "relative 1e-12")
    ask("mass_at_zero", at.zero, "relative 1e-12" if at.zero else "absolute 1e-15")
    us = [0.0, 0.5, 3.0]
    ask("laplace", [at.laplace(u, 0)[0] for u in us], "relative 1e-12", at=us)
    ask("laplace_derivatives", [at.laplace(u, 2)[1:] for u in us], "relative 1e-12", at=us, orders=[1, 2])
    ask("state_probabilities", [[at.propagate(t)[0, v - 1] for v in phases] for t in times], "absolute 1e-12", times=times, vertices=phases)
    ask("occupancy", [[at.occupancy(t)[v - 1] for v in phases] for t in times], "absolute 1e-12 x mean", times=times, vertices=phases)
    by_end = [mp.matrix([at.occupancy(t)]) * at.by_end + at.started for t in times]
    ask("cdf_by_vertex", [[row[0, k] for k in range(model.ends)] for row in by_end], "absolute 1e-12", times=times, vertices=ends)
    final = at.alpha * at.u * at.by_end + at.started
    ask("absorption_probabilities", [final[0, k] for k in range(model.ends)], "relative 1e-12", vertices=ends)
    sojourn = at.alpha * at.u
    ask("sojourn_times", [sojourn[0, v - 1] for v in phases], "relative 1e-12", vertices=phases)
    waiting = at.u * at.one
    ask("waiting_times", [waiting[v - 1] for v in phases], "relative 1e-12", vertices=phases)
    (reward,) = draw_rewards(rng, model, 1)
    ask("reward_moments", at.moments(4, reward), "relative 1e-12", rewards=reward, order=4)
    made = at.reward(reward)
    if sum(made.alpha) > 0:
        scale = float(made.moments(1)[0])
        where = [0.3 * scale, 2.0 * scale]
        answer = {"mass_at_zero": made.zero, "pdf": [made.pdf(t) for t in where], "cdf": [made.cdf(t) for t in where], "phases": made.model.n}
        reached = all(x > 0 for x in made.alpha * made.u)
        if not reached:
            del answer["phases"]
        ask("reward_distribution", answer, f"absolute {1e-12 * max(1.0, float(max(answer['pdf'])))!r}", rewards=reward, at=where)
        ask("reward_quantile", [made.quantile(p) for p in (0.9, 0.99)], "relative 1e-10", rewards=reward, probabilities=[0.9, 0.99])
    rewards = draw_rewards(rng, model, 3)
    ask("expected_rewards", [at.mean(r) for r in rewards], "relative 1e-12", rewards=rewards)
    covariance = at.covariance(rewards)
    least = min(abs(x) / mp.sqrt(covariance[i][i] * covariance[j][j]) for i, row in enumerate(covariance) for j, x in enumerate(row) if covariance[i][i] and covariance[j][j]) if all(covariance[i][i] for i in range(3)) else 0
    if least > 1e-9:
        ask("covariance", covariance, "relative 1e-11", rewards=rewards)
        root = [mp.sqrt(covariance[k][k]) for k in range(3)]
        ask("correlation", [[x / root[i] / root[j] for j, x in enumerate(row)] for i, row in enumerate(covariance)], "relative 1e-11", rewards=rewards)
    ask("joint_moment", at.joint_moment(rewards), "relative 1e-12", rewards=rewards)
    ask("joint_laplace", at.joint_laplace(rewards, [0.5, 1.0, 0.25]), "relative 1e-12", rewards=rewards, at=[0.5, 1.0, 0.25])
    slopes = [at.slopes_at(t) for t in times]
    ask("pdf_gradient", [[k[0] for k in row] for row in slopes], "relative 1e-9 to the largest component", times=times)
    ask("cdf_gradient", [[k[1] for k in row] for row in slopes], "relative 1e-9 to the largest component", times=times)
    values = [mp.log(at.pdf(t)) for t in times]
    ask("loglik", sum(values), f"absolute {1e-12 * float(sum(abs(v) for v in values) + 1)!r}", times=times)
    gradient = [sum(slopes[i][k][0] / at.pdf(t) for i, t in enumerate(times)) for k in range(model.parameters)]
    size = [sum(abs(slopes[i][k][0] / at.pdf(t)) for i, t in enumerate(times)) for k in range(model.parameters)]
    if all(abs(g) > 1e-3 * s for g, s in zip(gradient, size)):
        ask("loglik_gradient", gradient, "relative 1e-9", times=times)
    censored = [times[-1], times[0]]
    value = sum(values) + sum(mp.log(at.survival(t)) for t in censored)
    ask("loglik", value, f"absolute {1e-12 * float(abs(value) + len(times) + 3)!r}", times=times, right_censored=censored)
    a, b = times[0], times[-1]
    if a < b:
        inside = mp.log(at.survival(a) - at.survival(b))
        ask("interval_loglik", inside, f"absolute {1e-12 * float(abs(inside) + 1)!r}", interval=[a, b])
    return out


def discrete(rng):
    n = rng.randint(1, 6)
    m = Model(f"steps {n}", n, rng.choice([1, 1, 2]), 0, True)
    for i in range(1, n + 1):
        weights = [rng.choice([0, 1, 1, 2, 3]) for _ in range(n + m.ends)]
        weights[n if i % 2 else i % n] += 1
        weights[n] += 1 if i == n else 0
        total = 1 << (sum(weights) - 1).bit_length()
        weights[i - 1] += total - sum(weights)
        for j, w in enumerate(weights):
            m.edge(i, j + 1, w / total)
    m.start = [(1, 0.5)] + ([(n, 0.25)] if rng.random() < 0.6 else [(n, 0.5)])
    at = Steps(m, [])
    phases, ends = list(range(1, n + 1)), list(range(n + 1, m.count))
    out = []

    def ask(kind, answer, tolerance, **arguments):
        out.append({"ask": kind, **arguments, "answer": text(answer), "tolerance": tolerance})

    steps = [0, 1, 2, 3, 7, rng.choice([30, 1000, 100000])]
    ask("pmf", [at.pmf(k) for k in steps], "relative 1e-12", steps=steps)
    ask("cdf", [at.cdf(k) for k in steps], "relative 1e-12", steps=steps)
    ps = [0.3, 0.5, 0.99]
    ask("quantile", [at.quantile(p) for p in ps], "exact", probabilities=ps)
    ask("factorial_moments", at.factorial_moments(4), "relative 1e-12", order=4)
    first, second = at.factorial_moments(2)
    ask("variance", second + first - first**2, "relative 1e-12")
    ask("mass_at_zero", at.zero, "relative 1e-12" if at.zero else "absolute 1e-15")
    visits = at.alpha * at.u
    ask("visits", [visits[0, v - 1] for v in phases], "relative 1e-12", vertices=phases)
    final = visits * at.by_end + at.started
    ask("absorption_probabilities", [final[0, k] for k in range(m.ends)], "relative 1e-12", vertices=ends)
    ask("pgf", [at.pgf(z) for z in (0.25, 0.5, 0.9)], "relative 1e-12", at=[0.25, 0.5, 0.9])
    rewards = [[0] + [rng.choice([0, 1, 2]) for _ in range(n)] + [0] * m.ends for _ in range(2)]
    rewards[0][1] = rewards[1][n] = 1
    ask("expected_rewards", [(visits * at.diag(r) * at.one)[0] for r in rewards], "relative 1e-12", rewards=rewards)
    covariance = at.covariance(rewards)
    if all(abs(x) > 1e-9 for row in covariance for x in row):
        ask("covariance", covariance, "relative 1e-11", rewards=rewards)
    counts = list(range(13))
    ask("reward_pmf", at.reward_pmf(rewards[0], 12), "relative 1e-12", rewards=rewards[0], at=counts)
    return m, out


def pair(rng):
    """Minimum, maximum, sum and mixture of two independent times."""
    (first, a), (second, b) = draw(rng), draw(rng)
    while first.n * second.n > 30 or "stiff" in first.name + second.name:
        (first, a), (second, b) = draw(rng), draw(rng)
    x, y = first.at(a), second.at(b)
    times = [float(x.moments(1)[0]) * s for s in (0.2, 1.0, 3.0)]

    def kron(p, q):
        m = mp.matrix(p.rows * q.rows, p.cols * q.cols)
        for i in range(p.rows):
            for j in range(p.cols):
                for k in range(q.rows):
                    for l in range(q.cols):
                        m[i * q.rows + k, j * q.cols + l] = p[i, j] * q[k, l]
        return m

    i, j = mp.eye(first.n), mp.eye(second.n)
    both = -mp.inverse(kron(x.s, j) + kron(i, y.s))
    start = kron(x.alpha, y.alpha)
    one = mp.ones(first.n * second.n, 1)
    minimum = []
    v = one
    for k in range(1, 4):
        v = both * v * k
        minimum.append((start * v)[0])
    mx, my = x.moments(3), y.moments(3)
    total = [mx[0] + my[0], mx[1] + 2 * mx[0] * my[0] + my[1], mx[2] + 3 * mx[1] * my[0] + 3 * mx[0] * my[1] + my[2]]

    def convolved(t):
        n, m = first.n, second.n
        block = mp.zeros(n + m + 1, n + m + 1)
        for p in range(n):
            for q in range(n):
                block[p, q] = x.s[p, q]
            for q in range(m):
                block[p, n + q] = x.exits[p] * y.alpha[0, q]
            block[p, n + m] = x.exits[p] * y.zero
        for p in range(m):
            for q in range(m):
                block[n + p, n + q] = y.s[p, q]
            block[n + p, n + m] = y.exits[p]
        e = x.expm(block * mp.mpf(t))
        from_start = [x.alpha[0, p] for p in range(n)] + [x.zero * y.alpha[0, q] for q in range(m)]
        return x.zero * y.zero + sum(w * e[p, n + m] for p, w in enumerate(from_start))

    weights = rng.choice([[0.25, 0.75], [0.5, 0.5]])
    mix = lambda f: weights[0] * f(x) + weights[1] * f(y)
    answers = {
        "minimum": {"cdf": [1 - x.survival(t) * y.survival(t) for t in times], "moments": minimum},
        "maximum": {"cdf": [x.cdf(t) * y.cdf(t) for t in times], "moments": [p + q - r for p, q, r in zip(mx, my, minimum)]},
        "sum": {"cdf": [convolved(t) for t in times], "moments": total},
        "mixture": {"cdf": [mix(lambda d: d.cdf(t)) for t in times], "moments": [weights[0] * p + weights[1] * q for p, q in zip(mx, my)]},
    }
    out = []
    for kind, answer in answers.items():
        extra = {"weights": weights} if kind == "mixture" else {}
        # A maximum of moments is a difference; so are small probabilities.
        out.append({"ask": kind, "times": times, **extra, "answer": text(answer), "tolerance": "relative 1e-11"})
    return {
        "name": f"pair of {first.name} and {second.name}",
        "first": first.graph(),
        "first_theta": a,
        "second": second.graph(),
        "second_theta": b,
        "questions": out,
    }


def case(rng, number):
    """One model with its questions: mostly of times, sometimes of steps, sometimes of a pair."""
    if number % 12 == 11:
        return pair(rng)
    if number % 6 == 4:
        model, asked = discrete(rng)
        theta = []
    else:
        model, theta = draw(rng)
        asked = questions(rng, model, theta)
    return {"name": model.name, "graph": model.graph(), "theta": theta, "questions": asked}


def main():
    seed, count, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        made = case(random.Random(seed * 1_000_003 + number), number)
        made["name"] = f"{number} {made['name']}"
        (folder / f"{number:04}.json").write_text(json.dumps(made))


if __name__ == "__main__":
    main()
