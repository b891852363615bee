//! Moments of numbers of steps and of rewards per visit, with gradients by the transposed factor.
//!
//! A reward collected from a vertex on is that of the visit and what is collected after the step, so powers of it follow the
//! binomial theorem. With T the probabilities of steps, W the weights of rows and A what the elimination has (`W (I - T)`), each
//! moment is a column
//!
//! ```text
//! A x = W c + sum over earlier columns k of r_k (W T x_k)
//! ```
//!
//! with constants c and factors r_k by vertex. Backwards, with a seed s for the expectation `alpha x`,
//!
//! ```text
//! A' y = s alpha + what later columns say        y(v) (x(u) - x(v) + c(v) + sum of r_k(v) x_k(u))
//! ```
//!
//! where the second is the derivative by the weight of an edge from v to u; x is zero where the chain has ended.

use ndarray::{Array2, Array3, ArrayView2, aview1};

use crate::phase::distribution::discrete::DiscretePhaseType;
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::joint::{add_start, by_theta};
use crate::phase::distribution::moments::{correlation_seeds, unit_seed};
use crate::phase::distribution::system::{Column, Number, System, absorbing_target};
use crate::phase::index::{IndexVec, Slot, Transient};
use crate::phase::numeric::error::NumericError;
use crate::phase::numeric::extended::{Extended, Scalar};

/// One column: the constants, and factors of what earlier columns have after a step.
struct Equation {
    constant: Option<Column<Extended>>,
    terms: Vec<(usize, Column<Extended>)>,
}

/// Derivatives by the weights of edges between vertices and of self-loops.
struct ByWeight {
    slots: IndexVec<Slot, Extended>,
    loops: Column<Extended>,
}

/// Columns that were solved one after the other.
struct Solved<'a> {
    steps: &'a DiscretePhaseType,
    system: &'a System<Extended>,
    weights: Column<Extended>,
    loops: Column<Extended>,
    equations: Vec<Equation>,
    columns: Vec<Column<Extended>>,
}

fn number(value: f64) -> Extended {
    Extended::from_f64(value)
}

/// Binomial coefficients of an order.
fn binomials(order: usize) -> Vec<f64> {
    let mut row = vec![1.0];
    for k in 1..=order {
        let next = row[k - 1] * (order + 1 - k) as f64 / k as f64;
        row.push(next);
    }
    row
}

impl<'a> Solved<'a> {
    fn new(
        steps: &'a DiscretePhaseType,
        system: &'a System<Extended>,
        equations: Vec<Equation>,
    ) -> Self {
        let loops = steps.loops_in::<Extended>();
        let vertices = system.layout().transients().iter();
        let weights = vertices
            .map(|t| {
                let slots = system.layout().slots(t).iter();
                slots.fold(loops[t], |sum, slot| sum + system.rates[slot])
            })
            .collect();
        let mut solved = Self {
            steps,
            system,
            weights,
            loops,
            equations: Vec::new(),
            columns: Vec::new(),
        };
        for equation in equations {
            let mut right = system.constant(0.0);
            if let Some(constant) = &equation.constant {
                for (t, &c) in constant.iter_enumerated() {
                    right[t] = solved.weights[t] * c;
                }
            }
            for (earlier, factor) in &equation.terms {
                let after = solved.after_step(&solved.columns[*earlier]);
                for (t, &r) in factor.iter_enumerated() {
                    right[t] = right[t] + r * after[t];
                }
            }
            solved.columns.push(system.solve(&right));
            solved.equations.push(equation);
        }
        solved
    }

    /// W T x.
    fn after_step(&self, x: &Column<Extended>) -> Column<Extended> {
        let vertices = self.system.layout().transients().iter();
        vertices
            .map(|t| {
                let stay = self.loops[t] * x[t];
                let targets = self.system.targets(t);
                targets.fold(stay, |sum, (slot, target)| match target {
                    Some(to) => sum + self.system.rates[slot] * x[to],
                    None => sum,
                })
            })
            .collect()
    }

    /// Adds the transpose of that, of a row with factors.
    fn before_step(
        &self,
        y: &Column<Extended>,
        factor: &Column<Extended>,
        out: &mut Column<Extended>,
    ) {
        for t in self.system.layout().transients().iter() {
            let flow = y[t] * factor[t];
            out[t] = out[t] + flow * self.loops[t];
            for (slot, target) in self.system.targets(t) {
                if let Some(to) = target {
                    out[to] = out[to] + flow * self.system.rates[slot];
                }
            }
        }
    }

    fn expectation(&self, column: usize) -> Extended {
        self.system.start_product(&self.columns[column])
    }

    /// The derivatives by theta of the sum of the expectations times seeds.
    fn gradient(&self, seeds: &[Extended]) -> Result<Vec<f64>, NumericError> {
        let system = self.system;
        let layout = system.layout();
        let start = system.start();
        let mut pending: Vec<Column<Extended>> = seeds
            .iter()
            .map(|&seed| start.iter().map(|&p| p * seed).collect())
            .collect();
        let mut by = ByWeight {
            slots: IndexVec::filled(Extended::ZERO, layout.slot_count()),
            loops: system.constant(0.0),
        };
        for place in (0..self.columns.len()).rev() {
            let y = system.solve_transposed(&pending[place]);
            let equation = &self.equations[place];
            for (earlier, factor) in &equation.terms {
                self.before_step(&y, factor, &mut pending[*earlier]);
            }
            let x = &self.columns[place];
            for t in layout.transients().iter() {
                let constant = equation.constant.as_ref();
                let own = constant.map_or(Extended::ZERO, |constant| constant[t]);
                let after = |to: Transient| {
                    let terms = equation.terms.iter();
                    terms.fold(own, |sum, (earlier, factor)| {
                        sum + factor[t] * self.columns[*earlier][to]
                    })
                };
                by.loops[t] = by.loops[t] + y[t] * after(t);
                for (slot, target) in system.targets(t) {
                    let change = match target {
                        Some(to) => x[to].minus(x[t]) + after(to),
                        None => own.minus(x[t]),
                    };
                    by.slots[slot] = by.slots[slot] + y[t] * change;
                }
            }
        }
        let values = |t: Transient| {
            let pairs = seeds.iter().zip(&self.columns);
            pairs.fold(Extended::ZERO, |sum, (&seed, x)| sum + seed * x[t])
        };
        by.by_theta(self.steps, values)
    }
}

impl ByWeight {
    fn by_theta(
        &self,
        steps: &DiscretePhaseType,
        of_start: impl Fn(Transient) -> Extended,
    ) -> Result<Vec<f64>, NumericError> {
        let (trace, by) = (steps.trace(), steps.by()?);
        let (layout, graph) = (trace.symbolic().layout(), trace.graph());
        let mut gradient = by_theta(trace, by, &self.slots);
        add_start(layout, by, of_start, &mut gradient);
        for edge in graph.self_loops() {
            if let Some(t) = layout.number(edge.from) {
                by.edge(&edge, |parameter, slope| {
                    gradient[parameter] = gradient[parameter] + slope * self.loops[t];
                });
            }
        }
        Ok(gradient.into_iter().map(Number::to_f64).collect())
    }
}

/// The columns of the moments of orders 1 to `order` of a reward per visit.
fn power_equations(reward: &Column<f64>, order: usize) -> Vec<Equation> {
    let power = |k: usize, factor: f64| -> Column<Extended> {
        let powers = reward.iter().map(|&r| {
            let one = number(factor);
            (0..k).fold(one, |power, _| power * number(r))
        });
        powers.collect()
    };
    let equation = |n: usize| Equation {
        constant: Some(power(n, 1.0)),
        terms: (1..n)
            .zip(&binomials(n)[1..])
            .map(|(k, &binomial)| (k - 1, power(n - k, binomial)))
            .collect(),
    };
    (1..=order).map(equation).collect()
}

impl DiscretePhaseType {
    /// The factorial moments up to an order and their gradients with respect to theta: `[order]` and `[order, parameters]`.
    ///
    /// # Errors
    ///
    /// None for a theta that was accepted.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// // A coin that falls on its head with the probability p / (p + q), until it does: 1 + q / p tosses.
    /// let mut builder = Graph::builder(0, 2);
    /// let (coin, end) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.discrete().start(coin, 1.0);
    /// builder.add_edge(coin, end, &[1.0, 0.0]).add_edge(coin, coin, &[0.0, 1.0]);
    /// let tosses = EliminationTrace::record(&builder.build()?).steps_at(&[0.25, 0.75])?;
    /// let (moments, gradients) = tosses.factorial_moments_and_gradients(1)?;
    /// assert_eq!((moments, gradients), (vec![4.0], ndarray::array![[-12.0, 4.0]]));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn factorial_moments_and_gradients(
        &self,
        order: usize,
    ) -> Result<(Vec<f64>, Array2<f64>), DistributionError> {
        let system = self.system_in::<Extended>();
        let same = |value: f64| system.constant(value);
        let equations = (1..=order).map(|k| match k {
            1 => Equation {
                constant: Some(same(1.0)),
                terms: Vec::new(),
            },
            k => Equation {
                constant: None,
                terms: vec![(k - 2, same(k as f64))],
            },
        });
        let solved = Solved::new(self, &system, equations.collect());
        self.each_column(&solved)
    }

    /// Every expectation with its gradient.
    fn each_column(
        &self,
        solved: &Solved<'_>,
    ) -> Result<(Vec<f64>, Array2<f64>), DistributionError> {
        let count = solved.columns.len();
        let mut gradients = Array2::zeros((count, self.parameters()));
        for (column, mut row) in gradients.outer_iter_mut().enumerate() {
            row.assign(&aview1(&solved.gradient(&unit_seed(count, column))?));
        }
        let values = (0..count).map(|column| solved.expectation(column).to_f64());
        Ok((values.collect(), gradients))
    }

    /// The moments of orders 1 to `order` of a reward that each visit of v adds `reward[v]` to.
    ///
    /// # Errors
    ///
    /// As for [`expected_rewards`](Self::expected_rewards).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// let mut builder = Graph::builder(0, 0);
    /// let (coin, end) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.discrete().start(coin, 1.0);
    /// builder.add_constant_edge(coin, coin, 0.75).add_constant_edge(coin, end, 0.25);
    /// let tosses = EliminationTrace::record(&builder.build()?).steps_at(&[])?;
    /// // Half of the number of tosses, which has the variance 12.
    /// assert_eq!(tosses.reward_moments(&[0.0, 0.5, 0.0], 2)?, [2.0, 4.0 + 3.0]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn reward_moments(
        &self,
        reward: &[f64],
        order: usize,
    ) -> Result<Vec<f64>, DistributionError> {
        let column = self.reward_column(reward)?;
        let system = self.system_in::<Extended>();
        let solved = Solved::new(self, &system, power_equations(&column, order));
        let values = (0..order).map(|k| solved.expectation(k).to_f64());
        Ok(values.collect())
    }

    /// The moments of a reward per visit and their gradients with respect to theta: `[order]` and `[order, parameters]`.
    ///
    /// # Errors
    ///
    /// As for [`expected_rewards`](Self::expected_rewards).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// let mut builder = Graph::builder(0, 2);
    /// let (coin, end) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.discrete().start(coin, 1.0);
    /// builder.add_edge(coin, end, &[1.0, 0.0]).add_edge(coin, coin, &[0.0, 1.0]);
    /// let tosses = EliminationTrace::record(&builder.build()?).steps_at(&[0.25, 0.75])?;
    /// // 1 + q / p tosses in expectation.
    /// let (moments, gradients) = tosses.reward_moments_and_gradients(&[0.0, 1.0, 0.0], 1)?;
    /// assert_eq!((moments, gradients), (vec![4.0], ndarray::array![[-12.0, 4.0]]));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn reward_moments_and_gradients(
        &self,
        reward: &[f64],
        order: usize,
    ) -> Result<(Vec<f64>, Array2<f64>), DistributionError> {
        let column = self.reward_column(reward)?;
        let system = self.system_in::<Extended>();
        let solved = Solved::new(self, &system, power_equations(&column, order));
        self.each_column(&solved)
    }

    /// The expectations of rewards per visit, a row of `rewards` for each, and their gradients with respect to theta: `[rewards]` and
    /// `[rewards, parameters]`.
    ///
    /// # Errors
    ///
    /// As for [`expected_rewards`](Self::expected_rewards).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// let mut builder = Graph::builder(0, 2);
    /// let (coin, end) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.discrete().start(coin, 1.0);
    /// builder.add_edge(coin, end, &[1.0, 0.0]).add_edge(coin, coin, &[0.0, 1.0]);
    /// let tosses = EliminationTrace::record(&builder.build()?).steps_at(&[0.25, 0.75])?;
    /// let rewards = ndarray::array![[0.0, 0.5, 0.0]];
    /// let (means, gradients) = tosses.expected_rewards_and_gradients(rewards.view())?;
    /// assert_eq!((means, gradients), (vec![2.0], ndarray::array![[-6.0, 2.0]]));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn expected_rewards_and_gradients(
        &self,
        rewards: ArrayView2<'_, f64>,
    ) -> Result<(Vec<f64>, Array2<f64>), DistributionError> {
        let columns = self.rewards(rewards)?;
        let system = self.system_in::<Extended>();
        let equations = columns.iter().flat_map(|column| power_equations(column, 1));
        let solved = Solved::new(self, &system, equations.collect());
        let (_, gradients) = self.each_column(&solved)?;
        Ok((self.expected_rewards(rewards)?, gradients))
    }

    /// The covariance matrix of rewards per visit and its gradients: `[rewards, rewards]` and `[rewards, rewards, parameters]`.
    ///
    /// # Errors
    ///
    /// As for [`expected_rewards`](Self::expected_rewards).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// // The variance of the number of tosses is q (p + q) / p^2.
    /// let mut builder = Graph::builder(0, 2);
    /// let (coin, end) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.discrete().start(coin, 1.0);
    /// builder.add_edge(coin, end, &[1.0, 0.0]).add_edge(coin, coin, &[0.0, 1.0]);
    /// let tosses = EliminationTrace::record(&builder.build()?).steps_at(&[0.25, 0.75])?;
    /// let (value, gradient) = tosses.covariance_and_gradients(ndarray::array![[0.0, 1.0, 0.0]].view())?;
    /// assert_eq!((value[[0, 0]], gradient), (12.0, ndarray::array![[[-84.0, 28.0]]]));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn covariance_and_gradients(
        &self,
        rewards: ArrayView2<'_, f64>,
    ) -> Result<(Array2<f64>, Array3<f64>), DistributionError> {
        let covariance = self.covariance(rewards)?;
        let columns = self.rewards(rewards)?;
        let system = self.system_in::<Extended>();
        let count = columns.len();
        let mut gradients = Array3::zeros((count, count, self.parameters()));
        for i in 0..count {
            for j in 0..=i {
                let wide = |k: usize| columns[k].iter().map(|&r| number(r)).collect();
                let [a, b]: [Column<Extended>; 2] = [wide(i), wide(j)];
                let both = a.iter().zip(b.iter()).map(|(&a, &b)| a * b).collect();
                let product = Equation {
                    constant: Some(both),
                    terms: vec![(0, b.clone()), (1, a.clone())],
                };
                let plain = |constant| Equation {
                    constant: Some(constant),
                    terms: Vec::new(),
                };
                let solved = Solved::new(self, &system, vec![plain(a), plain(b), product]);
                let [first, second] = [0, 1].map(|k| solved.expectation(k));
                let gradient = solved.gradient(&[-second, -first, number(1.0)])?;
                for (parameter, value) in gradient.into_iter().enumerate() {
                    gradients[[i, j, parameter]] = value;
                    gradients[[j, i, parameter]] = value;
                }
            }
        }
        Ok((covariance, gradients))
    }

    /// The correlation matrix of rewards per visit and its gradients: `[rewards, rewards]` and `[rewards, rewards, parameters]`.
    ///
    /// # Errors
    ///
    /// As for [`expected_rewards`](Self::expected_rewards).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// let mut builder = Graph::builder(0, 2);
    /// let (coin, end) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.discrete().start(coin, 1.0);
    /// builder.add_edge(coin, end, &[1.0, 0.0]).add_edge(coin, coin, &[0.0, 1.0]);
    /// let tosses = EliminationTrace::record(&builder.build()?).steps_at(&[0.25, 0.75])?;
    /// let rewards = ndarray::array![[0.0, 1.0, 0.0], [0.0, 2.0, 0.0]];
    /// let (value, gradient) = tosses.correlation_and_gradients(rewards.view())?;
    /// assert!(value[[0, 1]] == 1.0 && gradient[[0, 1, 0]].abs() < 1e-14);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn correlation_and_gradients(
        &self,
        rewards: ArrayView2<'_, f64>,
    ) -> Result<(Array2<f64>, Array3<f64>), DistributionError> {
        let correlation = self.correlation(rewards)?;
        let columns = self.rewards(rewards)?;
        let system = self.system_in::<Extended>();
        let count = columns.len();
        let mut gradients = Array3::zeros((count, count, self.parameters()));
        for i in 0..count {
            for j in 0..i {
                let mut equations = power_equations(&columns[i], 2);
                for mut equation in power_equations(&columns[j], 2) {
                    equation.terms.iter_mut().for_each(|(place, _)| *place += 2);
                    equations.push(equation);
                }
                let wide = |k: usize| -> Column<Extended> {
                    columns[k].iter().map(|&r| number(r)).collect()
                };
                let [a, b] = [wide(i), wide(j)];
                let both = a.iter().zip(b.iter()).map(|(&a, &b)| a * b).collect();
                equations.push(Equation {
                    constant: Some(both),
                    terms: vec![(0, b), (2, a)],
                });
                let solved = Solved::new(self, &system, equations);
                // As joint moments of two rewards are numbered: by orders, 3 j + i.
                const PLACES: [usize; 5] = [1, 2, 3, 6, 4];
                let mut values = [Extended::ZERO; 9];
                for (column, place) in PLACES.into_iter().enumerate() {
                    values[place] = solved.expectation(column);
                }
                let (_, seeds) = correlation_seeds(&values);
                let gradient = solved.gradient(&PLACES.map(|place| seeds[place]))?;
                for (parameter, value) in gradient.into_iter().enumerate() {
                    gradients[[i, j, parameter]] = value;
                    gradients[[j, i, parameter]] = value;
                }
            }
        }
        Ok((correlation, gradients))
    }

    /// The generating function at each z of \[0, 1\] and its gradients with respect to theta: `[z]` and `[z, parameters]`.
    ///
    /// # Errors
    ///
    /// As for [`pgf`](Self::pgf).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// let mut builder = Graph::builder(0, 2);
    /// let (coin, end) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.discrete().start(coin, 1.0);
    /// builder.add_edge(coin, end, &[1.0, 0.0]).add_edge(coin, coin, &[0.0, 1.0]);
    /// let tosses = EliminationTrace::record(&builder.build()?).steps_at(&[0.25, 0.75])?;
    /// // z p / (p + q - z q), which does not change along theta.
    /// let (value, gradient) = tosses.pgf_and_gradients(&[0.5])?;
    /// assert!((value[0] - 0.2).abs() < 1e-15);
    /// assert!((0.25 * gradient[[0, 0]] + 0.75 * gradient[[0, 1]]).abs() < 1e-15);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn pgf_and_gradients(
        &self,
        at: &[f64],
    ) -> Result<(Vec<f64>, Array2<f64>), DistributionError> {
        let values = self.pgf(at)?;
        let mut gradients = Array2::zeros((at.len(), self.parameters()));
        for (&z, mut row) in at.iter().zip(gradients.outer_iter_mut()) {
            if z == 0.0 {
                // Mass at zero is left.
                row.assign(&self.slopes(&[0])?[0].row(0));
                continue;
            }
            let wide = number(z);
            let mut rates = Extended::rates(self.trace(), self.theta());
            let weights = self.wide().shares;
            for slot in rates.span().iter() {
                rates[slot] = rates[slot] * wide;
            }
            let rest = number(1.0).minus(wide);
            let killing: Column<Extended> = weights.iter().map(|&w| w.inverse() * rest).collect();
            let system = System::new(self.trace(), rates, Some(&killing), Extended::is_zero);
            let x = system.solve(&system.absorption(|_| true));
            let y = system.solve_transposed(&system.start());
            let layout = system.layout();
            let mut by = ByWeight {
                slots: IndexVec::filled(Extended::ZERO, layout.slot_count()),
                loops: system.constant(0.0),
            };
            for t in layout.transients().iter() {
                by.loops[t] = y[t] * (wide * x[t]).minus(x[t]);
                for (slot, target) in system.targets(t) {
                    let there = target.map_or(number(1.0), |to| x[to]);
                    by.slots[slot] = y[t] * (wide * there).minus(x[t]);
                }
            }
            // What the start loses takes no step.
            let of_start = |t: Transient| x[t].minus(number(1.0));
            row.assign(&aview1(&by.by_theta(self, of_start)?));
        }
        Ok((values, gradients))
    }

    /// The probability to be absorbed in each vertex in the end, and its gradients: `[vertices]` and `[vertices, parameters]`.
    ///
    /// # Errors
    ///
    /// None for a theta that was accepted.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// let mut builder = Graph::builder(0, 2);
    /// let (coin, end) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.discrete().start(coin, 1.0);
    /// builder.add_edge(coin, end, &[1.0, 0.0]).add_edge(coin, coin, &[0.0, 1.0]);
    /// let tosses = EliminationTrace::record(&builder.build()?).steps_at(&[0.25, 0.75])?;
    /// let (found, gradients) = tosses.absorption_probabilities_and_gradients()?;
    /// assert!((found[end.index()] - 1.0).abs() < 1e-15 && gradients[[end.index(), 0]].abs() < 1e-15);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn absorption_probabilities_and_gradients(
        &self,
    ) -> Result<(Vec<f64>, Array2<f64>), DistributionError> {
        let values = self.absorption_probabilities();
        let system = self.system_in::<Extended>();
        let y = system.solve_transposed(&system.start());
        let layout = system.layout();
        let graph = self.trace().graph();
        let mut gradients = Array2::zeros((values.len(), self.parameters()));
        for vertex in graph.vertices().filter(|&v| graph.is_absorbing(v)) {
            let x = system.solve(&system.absorption(|end| end == vertex));
            let mut by = ByWeight {
                slots: IndexVec::filled(Extended::ZERO, layout.slot_count()),
                loops: system.constant(0.0),
            };
            for t in layout.transients().iter() {
                for (slot, target) in system.targets(t) {
                    let there = match target {
                        Some(to) => x[to],
                        None => {
                            let end = absorbing_target(layout, graph, t, slot);
                            number(f64::from(u8::from(end == vertex)))
                        }
                    };
                    by.slots[slot] = y[t] * there.minus(x[t]);
                }
            }
            let gradient = by.by_theta(self, |t| x[t])?;
            let mut row = gradients.row_mut(vertex.index());
            row.assign(&aview1(&gradient));
            for (parameter, slope) in row.iter_mut().enumerate() {
                *slope += self.by()?.start(vertex, parameter).to_f64();
            }
        }
        Ok((values, gradients))
    }
}
