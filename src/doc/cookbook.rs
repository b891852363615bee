//! A cookbook: twelve small programs, each beside its twin in JAX.
//!
//! Every Rust program is tested with this documentation, every twin with JAX 0.10.2 in double precision (`JAX_ENABLE_X64=1`), and both
//! of a pair assert the same numbers. `just cookbook` runs the twins and counts the lines of both.
//!
//! | | |
//! |---|---|
//! | [An equation of motion](#an-equation-of-motion) | The van der Pol oscillator, stepped by an ordinary function for one starting point and one parameter, over a grid of both |
//! | [A table in a loop](#a-table-in-a-loop) | A tank whose outflow is looked up in a table on the host, filled by rain step by step |
//! | [A simulated price](#a-simulated-price) | A call option by Monte Carlo, at several strikes |
//! | [Newton's method](#newtons-method) | Kepler's equation by a loop whose steps ask the host for a function and its derivative |
//! | [Nearest neighbours](#nearest-neighbours) | The label that most of the three nearest points have |
//! | [An ensemble of networks](#an-ensemble-of-networks) | Three networks with parameters in a struct, drawn and trained side by side |
//! | [Gradients per example](#gradients-per-example) | The gradient of a logistic loss for every example by itself, as differential privacy asks for |
//! | [A Kalman filter](#a-kalman-filter) | Position and speed from noisy positions, with the likelihood, for several series at once |
//! | [The game of life](#the-game-of-life) | A stencil over a board, for several boards |
//! | [A host that walks](#a-host-that-walks) | Systematic resampling: the host walks along a discrete distribution, lane by lane |
//! | [A Slater determinant](#a-slater-determinant) | The logarithm of a wave function, whose orbitals a library on the host evaluates for whole batches |
//! | [Two results of one call](#two-results-of-one-call) | A magnetic field from a flux function on the host, which gives value and slope for whole batches, and the drift across it |
//!
//! # An equation of motion
//!
//! The van der Pol oscillator, stepped by an ordinary function for one starting point and one parameter, over a grid of both.
//!
//! ```python
//! import jax
//! import jax.numpy as jnp
//! import numpy as np
//!
//! def field(y, mu):
//!     return np.array([y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]])
//!
//! def rk4(y, mu, h=0.05):
//!     y, mu = np.asarray(y), np.asarray(mu)
//!     for _ in range(20):
//!         a = field(y, mu)
//!         b = field(y + h / 2 * a, mu)
//!         c = field(y + h / 2 * b, mu)
//!         d = field(y + h * c, mu)
//!         y = y + h / 6 * (a + 2 * b + 2 * c + d)
//!     return y
//!
//! def solve(y, mu):
//!     spec = jax.ShapeDtypeStruct((2,), y.dtype)
//!     return jax.pure_callback(rk4, spec, y, mu, vmap_method="sequential")
//!
//! starts = jnp.array([[1.0, 0.0], [0.5, 0.5], [-1.0, 2.0]])
//! mus = jnp.array([0.5, 1.0, 2.0, 4.0])
//! table = jax.vmap(jax.vmap(solve, in_axes=(None, 0)), in_axes=(0, None))(starts, mus)
//! assert table.shape == (3, 4, 2)
//! assert np.allclose(table[1, 2], [0.9381983857110465, 0.161664439463517], rtol=1e-12)
//! ```
//!
//! ```
//! use elimap::numpy;
//! use elimap::prelude::*;
//!
//! fn field(x: f64, v: f64, mu: f64) -> [f64; 2] {
//!     [v, mu * (1.0 - x * x) * v - x]
//! }
//!
//! fn rk4(mut y: [f64; 2], mu: f64) -> [f64; 2] {
//!     let h = 0.05;
//!     for _ in 0..20 {
//!         let after = |h: f64, k: [f64; 2]| field(y[0] + h * k[0], y[1] + h * k[1], mu);
//!         let a = after(0.0, [0.0; 2]);
//!         let b = after(h / 2.0, a);
//!         let c = after(h / 2.0, b);
//!         let d = after(h, c);
//!         y = std::array::from_fn(|i| y[i] + h / 6.0 * (a[i] + 2.0 * b[i] + 2.0 * c[i] + d[i]));
//!     }
//!     y
//! }
//!
//! let solve = Callback::of("rk4", rk4);
//! let starts = ndarray::array![[1.0, 0.0], [0.5, 0.5], [-1.0, 2.0]];
//! let mus = vec![0.5, 1.0, 2.0, 4.0];
//! let table = vmap(vmap(&solve).in_axes((None, 0))).in_axes((0, None)).call((starts, mus))?;
//! assert_eq!(table.shape(), [3, 4, 2]);
//! let wanted = vec![0.9381983857110465, 0.161664439463517];
//! assert!(numpy::allclose(table.i((1, 2)), wanted, 1e-12, 0.0).item::<bool>()?);
//! # ok(())
//! ```
//!
//! # A table in a loop
//!
//! A tank whose outflow is looked up in a table on the host, filled by rain step by step.
//!
//! ```python
//! import jax
//! import jax.numpy as jnp
//! import numpy as np
//!
//! heights, flows = np.array([0.0, 1.0, 2.0, 4.0]), np.array([0.0, 0.8, 1.2, 1.6])
//!
//! def outflow(level):
//!     host = lambda level: np.interp(level, heights, flows)
//!     return jax.pure_callback(host, level, level, vmap_method="expand_dims")
//!
//! def simulate(level, rain):
//!     def step(level, rain):
//!         level = level + (rain - outflow(level)) * 0.5
//!         return level, level
//!     return jax.lax.scan(step, level, rain)
//!
//! levels, rain = jnp.array([1.0, 3.0]), jnp.array([0.5, 2.0, 0.0, 1.0])
//! last, path = jax.vmap(simulate, in_axes=(0, None))(levels, rain)
//! assert path.shape == (2, 4)
//! assert np.allclose(last, [1.1064, 2.08495], rtol=1e-12)
//! ```
//!
//! ```
//! use elimap::numpy;
//! use elimap::prelude::*;
//!
//! let outflow = elementwise("outflow", |level: f64| {
//!     let (xs, ys) = ([0.0, 1.0, 2.0, 4.0], [0.0, 0.8, 1.2, 1.6]);
//!     let k = xs[1..3].partition_point(|&x| x <= level);
//!     ys[k] + (level.clamp(0.0, 4.0) - xs[k]) / (xs[k + 1] - xs[k]) * (ys[k + 1] - ys[k])
//! });
//!
//! let simulate = |level: Tensor, rain: Tensor| {
//!     let step = |level: Tensor, rain: Tensor| {
//!         let level = &level + (rain - outflow.call((&level,))?) * 0.5;
//!         ok((level.clone(), level))
//!     };
//!     scan(step, level, rain, ScanOptions::default())
//! };
//!
//! let (last, path) = vmap(simulate).in_axes((0, None)).call((vec![1.0, 3.0], vec![0.5, 2.0, 0.0, 1.0]))?;
//! assert_eq!(path.shape(), [2, 4]);
//! assert!(numpy::allclose(last, vec![1.1064, 2.08495], 1e-12, 0.0).item::<bool>()?);
//! # ok(())
//! ```
//!
//! # A simulated price
//!
//! A call option by Monte Carlo, at several strikes. The random bits are the same, so the prices are.
//!
//! ```python
//! import jax
//! import jax.numpy as jnp
//! import numpy as np
//!
//! def price(key, spot, strike, rate, sigma, t):
//!     z = jax.random.normal(key, (1000,))
//!     end = spot * jnp.exp((rate - sigma**2 / 2) * t + sigma * jnp.sqrt(t) * z)
//!     return jnp.exp(-rate * t) * jnp.maximum(end - strike, 0.0).mean()
//!
//! strikes = jnp.array([90.0, 100.0, 110.0])
//! by_strike = jax.vmap(price, in_axes=(None, None, 0, None, None, None))
//! prices = by_strike(jax.random.key(0), 100.0, strikes, 0.02, 0.3, 1.0)
//! wanted = [18.08370678106451, 12.857505101247774, 8.964440164475988]
//! assert np.allclose(prices, wanted, rtol=1e-12)
//! ```
//!
//! ```
//! use elimap::prelude::*;
//! use elimap::random::{self, Key};
//! use elimap::numpy;
//!
//! let price = |key: &Key, spot: &Tensor, strike: &Tensor, rate: &Tensor, sigma: &Tensor, t: &Tensor| {
//!     let z = random::normal(key, [1000], DType::F64);
//!     let end = spot * ((rate - sigma.square() / 2.0) * t + sigma * t.sqrt() * z).exp();
//!     (-rate * t).exp() * (end - strike).maximum(0.0).mean(..)
//! };
//!
//! let strikes = vec![90.0, 100.0, 110.0];
//! let by_strike = vmap(price).in_axes((None, None, 0, None, None, None));
//! let prices = by_strike.call((Key::new(0), 100.0, strikes, 0.02, 0.3, 1.0))?;
//! let wanted = vec![18.08370678106451, 12.857505101247774, 8.964440164475988];
//! assert!(numpy::allclose(prices, wanted, 1e-12, 0.0).item::<bool>()?);
//! # ok(())
//! ```
//!
//! # Newton's method
//!
//! Kepler's equation by a loop whose steps ask the host for a function and its derivative. Lanes that are done wait for the others.
//!
//! ```python
//! import jax
//! import jax.numpy as jnp
//! import numpy as np
//!
//! def kepler(e, m, x):
//!     return x - e * np.sin(x) - m, 1 - e * np.cos(x)
//!
//! def anomaly(e, m):
//!     number = jax.ShapeDtypeStruct((), jnp.float64)
//!
//!     def step(state):
//!         x, _ = state
//!         f, slope = jax.pure_callback(kepler, (number, number), e, m, x, vmap_method="expand_dims")
//!         return x - f / slope, f
//!
//!     def going(state):
//!         return jnp.abs(state[1]) > 1e-14
//!
//!     return jax.lax.while_loop(going, step, (m, 1.0))[0]
//!
//! found = jax.vmap(anomaly, in_axes=(None, 0))(0.3, jnp.array([0.1, 1.0, 3.0]))
//! wanted = [0.14265001166029925, 1.2880913132118377, 3.0326254934859693]
//! assert np.allclose(found, wanted, rtol=1e-12)
//! ```
//!
//! ```
//! use elimap::numpy;
//! use elimap::prelude::*;
//!
//! let kepler = |e: f64, m: f64, x: f64| (x - e * x.sin() - m, 1.0 - e * x.cos());
//! let kepler = Callback::of("kepler", kepler);
//!
//! let anomaly = |e: Tensor, m: Tensor| {
//!     let step = |(x, _): (Tensor, Tensor)| {
//!         let [f, slope] = kepler.call_many((&e, &m, &x))?;
//!         ok((x - &f / slope, f))
//!     };
//!     let going = |(_, f): (Tensor, Tensor)| f.abs().greater(1e-14);
//!     while_loop(going, step, (&m, 1.0)).map(|(x, _)| x)
//! };
//!
//! let found = vmap(anomaly).in_axes((None, 0)).call((0.3, vec![0.1, 1.0, 3.0]))?;
//! let wanted = vec![0.14265001166029925, 1.2880913132118377, 3.0326254934859693];
//! assert!(numpy::allclose(found, wanted, 1e-12, 0.0).item::<bool>()?);
//! # ok(())
//! ```
//!
//! # Nearest neighbours
//!
//! The label that most of the three nearest points have.
//!
//! ```python
//! import jax
//! import jax.numpy as jnp
//!
//! def classify(points, labels, query):
//!     distance = ((points - query) ** 2).sum(-1)
//!     _, nearest = jax.lax.top_k(-distance, 3)
//!     votes = jax.nn.one_hot(labels[nearest], 2).sum(0)
//!     return votes.argmax()
//!
//! points = jnp.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [5.0, 5.0], [6.0, 5.0], [5.0, 6.0]])
//! labels = jnp.array([0, 0, 0, 1, 1, 1])
//! queries = jnp.array([[0.3, 0.3], [5.2, 5.1], [3.0, 3.5]])
//! found = jax.vmap(classify, in_axes=(None, None, 0))(points, labels, queries)
//! assert found.tolist() == [0, 1, 1]
//! ```
//!
//! ```
//! use elimap::one_hot;
//! use elimap::prelude::*;
//! use ndarray::array;
//!
//! let classify = |points: Tensor, labels: Tensor, query: Tensor| {
//!     let distance = (points - query).square().sum(-1);
//!     let (_, nearest) = (-distance).top_k(3)?;
//!     let votes = one_hot(labels.i(nearest), 2, DType::F64).sum(0);
//!     ok(votes.argmax(0))
//! };
//!
//! let points = array![[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [5.0, 5.0], [6.0, 5.0], [5.0, 6.0]];
//! let labels = vec![0_i64, 0, 0, 1, 1, 1];
//! let queries = array![[0.3, 0.3], [5.2, 5.1], [3.0, 3.5]];
//! let found = vmap(classify).in_axes((None, None, 0)).call((points, labels, queries))?;
//! assert_eq!(found.to_vec::<i64>()?, [0, 1, 1]);
//! # ok(())
//! ```
//!
//! # An ensemble of networks
//!
//! Three networks with parameters in a struct, drawn and trained side by side.
//!
//! ```python
//! import jax
//! import jax.numpy as jnp
//! import numpy as np
//! from typing import NamedTuple
//!
//! class Layer(NamedTuple):
//!     weights: jax.Array
//!     bias: jax.Array
//!
//! def layer(key, n, m):
//!     return Layer(jax.random.normal(key, (n, m)) / np.sqrt(n), jnp.zeros(m))
//!
//! def init(key):
//!     keys = jax.random.split(key)
//!     return [layer(keys[0], 2, 8), layer(keys[1], 8, 1)]
//!
//! def loss(layers, x, y):
//!     hidden, output = layers
//!     hidden = jnp.tanh(x @ hidden.weights + hidden.bias)
//!     found = hidden @ output.weights + output.bias
//!     return ((found[:, 0] - y) ** 2).mean()
//!
//! def train(layers, x, y):
//!     slopes = jax.grad(loss)(layers, x, y)
//!     return jax.tree.map(lambda p, slope: p - 0.1 * slope, layers, slopes)
//!
//! x = jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
//! y = jnp.array([0.0, 1.0, 1.0, 0.0])
//! models = jax.vmap(init)(jax.random.split(jax.random.key(0), 3))
//! for _ in range(10):
//!     models = jax.vmap(train, in_axes=(0, None, None))(models, x, y)
//! each = jax.vmap(loss, in_axes=(0, None, None))(models, x, y)
//! wanted = [0.2412126856533771, 0.23624321343907187, 0.2554716387871671]
//! assert np.allclose(each, wanted, rtol=1e-12)
//! ```
//!
//! ```
//! use elimap::DType::F64;
//! use elimap::prelude::*;
//! use elimap::random::{self, Key};
//! use elimap::{numpy, tree_util};
//!
//! #[derive(Tree)]
//! struct Layer {
//!     weights: Tensor,
//!     bias: Tensor,
//! }
//!
//! fn layer(key: &Key, n: usize, m: usize) -> Layer {
//!     Layer { weights: random::normal(key, [n, m], F64) / (n as f64).sqrt(), bias: zeros(m, F64) }
//! }
//!
//! fn init(key: &Key) -> [Layer; 2] {
//!     let keys = random::split(key, 2);
//!     [layer(&keys.get(0), 2, 8), layer(&keys.get(1), 8, 1)]
//! }
//!
//! fn loss([hidden, output]: [Layer; 2], x: Tensor, y: Tensor) -> Tensor {
//!     let hidden = (x.matmul(hidden.weights) + hidden.bias).tanh();
//!     let found = hidden.matmul(output.weights) + output.bias;
//!     (found.i((.., 0)) - y).square().mean(..)
//! }
//!
//! fn train(layers: &[Layer; 2], x: &Tensor, y: &Tensor) -> elimap::Result<[Layer; 2]> {
//!     let slopes = grad(loss).call((layers, x, y))?;
//!     tree_util::map2(|p, slope| ok(p - slope * 0.1), layers, &slopes)
//! }
//!
//! let x = ndarray::array![[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
//! let y = vec![0.0, 1.0, 1.0, 0.0];
//! let mut models = vmap(init).call((random::split(&Key::new(0), 3),))?;
//! for _ in 0..10 {
//!     models = vmap(train).in_axes((0, None, None)).call((models, &x, &y))?;
//! }
//! let each = vmap(loss).in_axes((0, None, None)).call((models, x, y))?;
//! let wanted = vec![0.2412126856533771, 0.23624321343907187, 0.2554716387871671];
//! assert!(numpy::allclose(each, wanted, 1e-12, 0.0).item::<bool>()?);
//! # ok(())
//! ```
//!
//! # Gradients per example
//!
//! The gradient of a logistic loss for every example by itself, as differential privacy asks for.
//!
//! ```python
//! import jax
//! import jax.numpy as jnp
//! import numpy as np
//!
//! def loss(w, x, y):
//!     return jnp.log1p(jnp.exp(-y * (x @ w)))
//!
//! w = jnp.array([0.5, -1.0])
//! xs = jnp.array([[1.0, 2.0], [0.0, 1.0], [3.0, -1.0]])
//! ys = jnp.array([1.0, -1.0, 1.0])
//! slopes = jax.vmap(jax.grad(loss), in_axes=(None, 0, 0))(w, xs, ys)
//! wanted = [1.8281521054377707, 0.2689414213699951, 0.23988462802220978]
//! assert np.allclose(jnp.linalg.norm(slopes, axis=1), wanted, rtol=1e-12)
//! ```
//!
//! ```
//! use elimap::numpy;
//! use elimap::prelude::*;
//!
//! let loss = |w: Tensor, x: Tensor, y: Tensor| (-y * x.matmul(w)).exp().log1p();
//!
//! let w = vec![0.5, -1.0];
//! let xs = ndarray::array![[1.0, 2.0], [0.0, 1.0], [3.0, -1.0]];
//! let ys = vec![1.0, -1.0, 1.0];
//! let slopes = vmap(grad(loss)).in_axes((None, 0, 0)).call((w, xs, ys))?;
//! let wanted = vec![1.8281521054377707, 0.2689414213699951, 0.23988462802220978];
//! assert!(numpy::allclose(slopes.norm(1), wanted, 1e-12, 0.0).item::<bool>()?);
//! # ok(())
//! ```
//!
//! # A Kalman filter
//!
//! Position and speed from noisy positions, with the likelihood, for several series at once.
//!
//! ```python
//! import jax
//! import jax.numpy as jnp
//! import numpy as np
//! from jax.scipy.stats import multivariate_normal
//!
//! a = jnp.array([[1.0, 1.0], [0.0, 1.0]])
//! h = jnp.array([[1.0, 0.0]])
//! q, r = 0.1 * jnp.eye(2), 0.5 * jnp.eye(1)
//!
//! def step(state, z):
//!     m, p = state
//!     m, p = a @ m, a @ p @ a.T + q
//!     s = h @ p @ h.T + r
//!     k = jnp.linalg.solve(s, h @ p).T
//!     log = multivariate_normal.logpdf(z, h @ m, s)
//!     return (m + k @ (z - h @ m), p - k @ h @ p), log
//!
//! def kalman(zs):
//!     (m, _), logs = jax.lax.scan(step, (jnp.zeros(2), jnp.eye(2)), zs)
//!     return m, logs.sum()
//!
//! series = jnp.array([[[1.0], [2.1], [2.9], [4.2]], [[0.5], [0.4], [0.6], [0.5]]])
//! means, logs = jax.vmap(kalman)(series)
//! wanted = [[4.043297766642188, 1.0085588393204272], [0.565445591602229, 0.06139543207667102]]
//! assert np.allclose(means, wanted, rtol=1e-12)
//! assert np.allclose(logs, [-5.551350370953978, -5.1400012228883405], rtol=1e-12)
//! ```
//!
//! ```
//! use elimap::linalg::multi_dot;
//! use elimap::prelude::*;
//! use elimap::stats::multivariate_normal;
//! use elimap::{eye, numpy};
//! use ndarray::array;
//!
//! let id = |n: usize| eye(n, n, 0, DType::F64);
//! let a = Tensor::from(array![[1.0, 1.0], [0.0, 1.0]]);
//! let h = Tensor::from(array![[1.0, 0.0]]);
//! let (q, r) = (id(2) * 0.1, id(1) * 0.5);
//!
//! let step = |(m, p): (Tensor, Tensor), z: Tensor| {
//!     let (m, p) = (a.matmul(m), multi_dot([&a, &p, &a.t()])? + &q);
//!     let s = multi_dot([&h, &p, &h.t()])? + &r;
//!     let k = s.solve(h.matmul(&p)).t();
//!     let log = multivariate_normal::logpdf(&z, h.matmul(&m), &s);
//!     ok(((&m + k.matmul(z - h.matmul(&m)), &p - multi_dot([&k, &h, &p])?), log))
//! };
//!
//! let kalman = |zs: Tensor| {
//!     let start = (zeros(2, DType::F64), id(2));
//!     let ((m, _), logs) = scan(step, start, zs, ScanOptions::default())?;
//!     ok((m, logs.sum(..)))
//! };
//!
//! let series = array![[[1.0], [2.1], [2.9], [4.2]], [[0.5], [0.4], [0.6], [0.5]]];
//! let (means, logs) = vmap(kalman).call((series,))?;
//! let wanted = array![[4.043297766642188, 1.0085588393204272], [0.565445591602229, 0.06139543207667102]];
//! assert!(numpy::allclose(means, wanted, 1e-12, 0.0).item::<bool>()?);
//! let wanted = vec![-5.551350370953978, -5.1400012228883405];
//! assert!(numpy::allclose(logs, wanted, 1e-12, 0.0).item::<bool>()?);
//! # ok(())
//! ```
//!
//! # The game of life
//!
//! A stencil over a board, for several boards. A glider moves by one cell down and right in four steps.
//!
//! ```python
//! import jax
//! import jax.numpy as jnp
//!
//! def step(board):
//!     padded = jnp.pad(board, 1)
//!     n, m = board.shape
//!     around = sum(padded[i:i + n, j:j + m] for i in range(3) for j in range(3)) - board
//!     return ((around == 3) | ((around == 2) & (board == 1))).astype(board.dtype)
//!
//! def play(board):
//!     return jax.lax.fori_loop(0, 4, lambda _, board: step(board), board)
//!
//! glider = jnp.array([[0, 1, 0], [0, 0, 1], [1, 1, 1]])
//! places = [(0, 0), (1, 1), (0, 1), (1, 2)]
//! boards = jnp.stack([jnp.pad(glider, ((i, 3 - i), (j, 3 - j))) for i, j in places])
//! later = jax.vmap(play)(boards)
//! assert (later[::2] == boards[1::2]).all()
//! ```
//!
//! ```
//! use elimap::prelude::*;
//! use elimap::{numpy, strided};
//!
//! let step = |_: Tensor, board: Tensor| {
//!     let padded = board.pad(0, [(1, 1, 0); 2]);
//!     let [n, m] = [0, 1].map(|axis| board.shape()[axis] as isize);
//!     let shifted = (0..9).map(|k| padded.i((k / 3..k / 3 + n, k % 3..k % 3 + m)));
//!     let around = shifted.sum::<Tensor>() - &board;
//!     (around.equal(3) | (around.equal(2) & board.equal(1))).astype(board.dtype())
//! };
//!
//! let play = |board: Tensor| fori_loop(0, 4, step, board);
//!
//! let glider = Tensor::from(ndarray::array![[0, 1, 0], [0, 0, 1], [1, 1, 1]]);
//! let places = [(0, 0), (1, 1), (0, 1), (1, 2)];
//! let boards = stack(places.map(|(i, j)| glider.pad(0, [(i, 3 - i, 0), (j, 3 - j, 0)])), 0)?;
//! let later = vmap(play).call((&boards,))?;
//! let (wanted, found) = (boards.i(strided(1.., 2)), later.i(strided(.., 2)));
//! assert!(numpy::array_equal(found, wanted).item::<bool>()?);
//! # ok(())
//! ```
//!
//! # A host that walks
//!
//! Systematic resampling: the host walks along a discrete distribution, lane by lane.
//!
//! ```python
//! import jax
//! import jax.numpy as jnp
//! import numpy as np
//!
//! def host(us, weights):
//!     us, weights = np.asarray(us), np.asarray(weights)
//!     found = np.empty(len(us), np.int64)
//!     total, j = weights[0], 0
//!     for i, u in enumerate(us):
//!         while u > total and j + 1 < len(weights):
//!             j += 1
//!             total += weights[j]
//!         found[i] = j
//!     return found
//!
//! def inverse_cdf(us, weights):
//!     spec = jax.ShapeDtypeStruct(us.shape, jnp.int64)
//!     return jax.pure_callback(host, spec, us, weights, vmap_method="sequential")
//!
//! def resample(key, logits):
//!     us = (jnp.arange(4) + jax.random.uniform(key)) / 4
//!     return inverse_cdf(us, jax.nn.softmax(logits))
//!
//! keys = jax.random.split(jax.random.key(1), 2)
//! logits = jnp.array([[0.0, 1.0, 2.0], [3.0, 0.0, 0.0]])
//! found = jax.vmap(resample)(keys, logits)
//! assert found.tolist() == [[1, 2, 2, 2], [0, 0, 0, 1]]
//! ```
//!
//! ```
//! use elimap::prelude::*;
//! use elimap::random::{self, Key};
//!
//! fn host(us: &[f64], weights: &[f64]) -> Vec<i64> {
//!     let (mut total, mut j) = (weights[0], 0);
//!     let walk = us.iter().map(|&u| {
//!         while u > total && j + 1 < weights.len() {
//!             j += 1;
//!             total += weights[j];
//!         }
//!         j as i64
//!     });
//!     walk.collect()
//! }
//!
//! let inverse_cdf = Callback::of("inverse_cdf", host).vmap_method(VmapMethod::Sequential);
//! let inverse_cdf = inverse_cdf.returns([i64::spec([4])]);
//!
//! let resample = |key: Key, logits: Tensor| {
//!     let us = (arange(4) + random::uniform(&key, [], DType::F64, 0.0, 1.0)) / 4.0;
//!     inverse_cdf.call((us, logits.softmax(0)))
//! };
//!
//! let keys = random::split(&Key::new(1), 2);
//! let logits = ndarray::array![[0.0, 1.0, 2.0], [3.0, 0.0, 0.0]];
//! let found = vmap(resample).call((keys, logits))?;
//! assert_eq!(found.to_vec::<i64>()?, [1, 2, 2, 2, 0, 0, 0, 1]);
//! # ok(())
//! ```
//!
//! # A Slater determinant
//!
//! The logarithm of a wave function, whose orbitals a library on the host evaluates for whole batches. Electrons that change places change
//! the sign.
//!
//! ```python
//! import jax
//! import jax.numpy as jnp
//! import numpy as np
//!
//! def orbitals(r):
//!     centers = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
//!     decay = np.array([0.5, 1.0, 1.5])
//!     apart = np.asarray(r)[..., None, :] - centers
//!     return np.exp(-(apart**2).sum(-1) * decay)
//!
//! def log_psi(electrons):
//!     spec = jax.ShapeDtypeStruct((3, 3), electrons.dtype)
//!     matrix = jax.pure_callback(orbitals, spec, electrons, vmap_method="expand_dims")
//!     return jnp.linalg.slogdet(matrix)
//!
//! walker = jnp.array([[0.1, 0.2, 0.0], [1.0, -0.1, 0.3], [0.2, 0.9, 0.1]])
//! walkers = jnp.stack([walker, walker[::-1], walker / 2])
//! sign, log = jax.vmap(log_psi)(walkers)
//! assert sign.tolist() == [1.0, -1.0, 1.0]
//! assert np.allclose(log, [-0.8883667495701303, -0.8883667495701303, -1.936487354605251], rtol=1e-12)
//! ```
//!
//! ```
//! use elimap::prelude::*;
//! use elimap::{linalg, numpy, strided};
//! use ndarray::{ArrayD, ArrayViewD, Axis, array};
//!
//! fn orbitals(r: ArrayViewD<'_, f64>) -> ArrayD<f64> {
//!     let centers = array![[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
//!     let (axis, decay) = (Axis(r.ndim()), array![0.5, 1.0, 1.5]);
//!     let apart = &r.insert_axis(Axis(axis.0 - 1)) - &centers;
//!     (-apart.pow2().sum_axis(axis) * &decay).exp()
//! }
//!
//! let orbitals = Callback::of("orbitals", orbitals).returns([f64::spec([3, 3])]);
//! let orbitals = orbitals.vmap_method(VmapMethod::ExpandDims);
//! let log_psi = |electrons: Tensor| linalg::slogdet(orbitals.call((electrons,))?);
//!
//! let walker = Tensor::from(array![[0.1, 0.2, 0.0], [1.0, -0.1, 0.3], [0.2, 0.9, 0.1]]);
//! let walkers = stack([&walker, &walker.i(strided(.., -1)), &(&walker / 2.0)], 0)?;
//! let (sign, log) = vmap(log_psi).call((walkers,))?;
//! assert_eq!(sign.to_vec::<f64>()?, [1.0, -1.0, 1.0]);
//! let wanted = vec![-0.8883667495701303, -0.8883667495701303, -1.936487354605251];
//! assert!(numpy::allclose(log, wanted, 1e-12, 0.0).item::<bool>()?);
//! # ok(())
//! ```
//!
//! # Two results of one call
//!
//! A magnetic field from a flux function on the host, which gives value and slope for whole batches, and the drift across it.
//!
//! ```python
//! import jax
//! import jax.numpy as jnp
//! import numpy as np
//!
//! def flux(point, k):
//!     r, _, z = np.moveaxis(np.asarray(point), -1, 0)
//!     x, z = r - 3.0, z / np.asarray(k)
//!     value = x**2 + z**2
//!     zero = 0 * value
//!     return value, 2 * np.stack([x + zero, zero, z / np.asarray(k)], -1)
//!
//! def drift(point, k):
//!     spec = jax.ShapeDtypeStruct((), jnp.float64), jax.ShapeDtypeStruct((3,), jnp.float64)
//!     value, slope = jax.pure_callback(flux, spec, point, k, vmap_method="expand_dims")
//!     around = jnp.array([0.0, 1.0, 0.0]) / point[0]
//!     field = jnp.cross(slope, around) + jnp.sqrt(1 + value) * around
//!     return value, jnp.cross(field, slope) / (field @ field)
//!
//! points = jnp.array([[3.5, 0.0, 0.0], [3.0, 0.0, 0.4], [2.8, 1.0, -0.2]])
//! table = jax.vmap(jax.vmap(drift, in_axes=(None, 0)), in_axes=(0, None))
//! value, speed = table(points, jnp.array([1.0, 1.6]))
//! assert np.allclose(value, [[0.25, 0.25], [0.16, 0.0625], [0.08, 0.055625]], rtol=1e-12)
//! wanted = [-0.3624912474184699, 0.4164057331863291, 0.9279775933912836]
//! assert np.allclose(speed[2, 1], wanted, rtol=1e-12)
//! ```
//!
//! ```
//! use elimap::numpy;
//! use elimap::prelude::*;
//! use ndarray::{ArrayViewD, Axis, array, stack};
//!
//! let flux = |point: ArrayViewD<'_, f64>, k: ArrayViewD<'_, f64>| {
//!     let (axis, [r, z]) = (Axis(k.ndim()), [0, 2].map(|i| point.index_axis(Axis(k.ndim()), i)));
//!     let (x, z) = (&r - 3.0, &z / &k);
//!     let value = x.pow2() + z.pow2();
//!     let zero = &value * 0.0;
//!     stack(axis, &[(&x + &zero).view(), zero.view(), (&z / &k).view()]).map(|slope| (value, slope * 2.0))
//! };
//!
//! let flux = Callback::of("flux", flux).returns([f64::spec([]), f64::spec([3])]);
//! let flux = flux.vmap_method(VmapMethod::ExpandDims);
//!
//! let drift = |point: Tensor, k: Tensor| {
//!     let [value, slope] = flux.call_many((&point, k))?;
//!     let around = Tensor::from([0.0, 1.0, 0.0]) / point.get(0);
//!     let field = numpy::cross(&slope, &around) + (&value + 1.0).sqrt() * &around;
//!     ok((value, numpy::cross(&field, slope) / field.matmul(&field)))
//! };
//!
//! let points = array![[3.5, 0.0, 0.0], [3.0, 0.0, 0.4], [2.8, 1.0, -0.2]];
//! let table = vmap(vmap(drift).in_axes((None, 0))).in_axes((0, None));
//! let (value, speed) = table.call((points, vec![1.0, 1.6]))?;
//! let wanted = array![[0.25, 0.25], [0.16, 0.0625], [0.08, 0.055625]];
//! assert!(numpy::allclose(value, wanted, 1e-12, 0.0).item::<bool>()?);
//! let wanted = vec![-0.3624912474184699, 0.4164057331863291, 0.9279775933912836];
//! assert!(numpy::allclose(speed.i((2, 1)), wanted, 1e-12, 0.0).item::<bool>()?);
//! # ok(())
//! ```
