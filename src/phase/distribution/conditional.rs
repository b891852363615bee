//! What depends on where absorption is: moments given it, and its probabilities, with gradients.

use ndarray::{Array2, aview1};

use crate::phase::distribution::PhaseType;
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::joint::Base;
use crate::phase::distribution::moments::last_seed;
use crate::phase::graph::VertexId;
use crate::phase::numeric::extended::{Extended, Scalar};

impl PhaseType {
    /// The moments of orders 1 to `order` of the time, given that absorption is in this vertex.
    ///
    /// # Errors
    ///
    /// [`DistributionError::Vertex`] if the vertex does not absorb, [`DistributionError::Impossible`] if it is never reached.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// let mut builder = Graph::builder(0, 0);
    /// let [a, b, c, d] = [(); 4].map(|()| builder.add_vertex(&[]));
    /// builder.add_constant_edge(a, b, 1.0).add_constant_edge(a, c, 1.0).add_constant_edge(b, d, 1.0);
    /// builder.start(a, 1.0);
    /// let time = EliminationTrace::record(&builder.build()?).at(&[])?;
    /// // At the rate 2 to c; then at the rate 1 to d.
    /// assert_eq!(time.moments_given(c, 1)?, [0.5]);
    /// assert_eq!(time.moments_given(d, 1)?, [1.5]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn moments_given(
        &self,
        vertex: VertexId,
        order: usize,
    ) -> Result<Vec<f64>, DistributionError> {
        let marks = self.absorbing_mark(vertex)?;
        let values = self.joint(None, &[self.ones()], &[order], Base::Absorption(&marks));
        let probability = values[0] + self.absorbed_at_once(vertex)?;
        if probability == 0.0 {
            return Err(DistributionError::Impossible { vertex });
        }
        Ok(values[1..]
            .iter()
            .map(|value| value / probability)
            .collect())
    }

    /// The moments given absorption in this vertex and their gradients with respect to theta: `[order]` and `[order, parameters]`.
    ///
    /// # Errors
    ///
    /// As for [`moments_given`](Self::moments_given).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// // Whichever way out is taken, it takes 1 / (a + b).
    /// let mut builder = Graph::builder(0, 2);
    /// let [phase, left, right] = [(); 3].map(|()| builder.add_vertex(&[]));
    /// builder.add_edge(phase, left, &[1.0, 0.0]).add_edge(phase, right, &[0.0, 1.0]).start(phase, 1.0);
    /// let time = EliminationTrace::record(&builder.build()?).at(&[1.0, 3.0])?;
    /// let (moments, gradients) = time.moments_given_and_gradients(left, 1)?;
    /// assert_eq!((moments, gradients), (vec![0.25], ndarray::array![[-0.0625, -0.0625]]));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn moments_given_and_gradients(
        &self,
        vertex: VertexId,
        order: usize,
    ) -> Result<(Vec<f64>, Array2<f64>), DistributionError> {
        let moments = self.moments_given(vertex, order)?;
        let marks = self.absorbing_mark(vertex)?;
        let at_once = self.absorbed_at_once(vertex)?;
        let mut gradients = Array2::zeros((order, self.parameters()));
        let ones = [self.ones()];
        let values = self.joint(None, &[], &[], Base::Absorption(&marks));
        for k in 1..=order {
            let base = Base::Absorption(&marks);
            let (_, gradient) = self.joint_gradient(None, &ones, &[k], base, |values| {
                // The moment on the event, over its probability.
                let share = (values[0] + Extended::from_f64(at_once)).inverse();
                let moment = values[k] * share;
                let mut seeds = vec![Extended::ZERO; values.len()];
                seeds[0] = -(moment * share);
                seeds[k] = share;
                (moment, seeds)
            })?;
            let mut row = gradients.row_mut(k - 1);
            row.assign(&aview1(&gradient));
            // What starts in the vertex is in the probability only.
            let share = moments[k - 1] / (values[0] + at_once);
            for (parameter, slope) in row.iter_mut().enumerate() {
                *slope -= share * self.by()?.start(vertex, parameter).to_f64();
            }
        }
        Ok((moments, gradients))
    }

    /// The probability to be absorbed in each vertex in the end, and its gradients with respect to theta: `[vertices]` and
    /// `[vertices, parameters]`.
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
    /// // a / (a + b)
    /// let mut builder = Graph::builder(0, 2);
    /// let [phase, left, right] = [(); 3].map(|()| builder.add_vertex(&[]));
    /// builder.add_edge(phase, left, &[1.0, 0.0]).add_edge(phase, right, &[0.0, 1.0]).start(phase, 1.0);
    /// let time = EliminationTrace::record(&builder.build()?).at(&[1.0, 3.0])?;
    /// let (found, gradients) = time.absorption_probabilities_and_gradients()?;
    /// assert_eq!((found[left.index()], gradients.row(left.index()).to_vec()), (0.25, vec![0.1875, -0.0625]));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn absorption_probabilities_and_gradients(
        &self,
    ) -> Result<(Vec<f64>, Array2<f64>), DistributionError> {
        let graph = self.trace().graph();
        let found = self.absorption_probabilities();
        let mut gradients = Array2::zeros((found.len(), self.parameters()));
        for vertex in graph.vertices().filter(|&v| graph.is_absorbing(v)) {
            let marks = self.absorbing_mark(vertex)?;
            let base = Base::Absorption(&marks);
            let (_, gradient) = self.joint_gradient(None, &[], &[], base, last_seed)?;
            let mut row = gradients.row_mut(vertex.index());
            row.assign(&aview1(&gradient));
            for (parameter, slope) in row.iter_mut().enumerate() {
                *slope += self.by()?.start(vertex, parameter).to_f64();
            }
        }
        Ok((found, gradients))
    }

    /// The probability to start in an absorbing vertex.
    fn absorbed_at_once(&self, vertex: VertexId) -> Result<f64, DistributionError> {
        let at_once = self.chain()?.absorbed_at_once().iter();
        Ok(at_once.filter(|of| of.0 == vertex).map(|of| of.1).sum())
    }

    /// Marks an absorbing vertex among all.
    pub(crate) fn absorbing_mark(&self, vertex: VertexId) -> Result<Vec<bool>, DistributionError> {
        let graph = self.trace().graph();
        let problem = match vertex.index() < graph.vertex_count() {
            false => Some("is not a vertex of the graph"),
            true if !graph.is_absorbing(vertex) => {
                Some("does not absorb; name a vertex without edges")
            }
            true => None,
        };
        match problem {
            Some(problem) => Err(DistributionError::Vertex { vertex, problem }),
            None => {
                let vertices = graph.vertices();
                Ok(vertices.map(|v| v == vertex).collect())
            }
        }
    }
}
