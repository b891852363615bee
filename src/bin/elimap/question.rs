//! What is asked of every theta: the numbers, their names, and their form as JSON.

use elimap::phase::{Batch, EliminationTrace, NumericError};
use ndarray::{Array2, Array3, ArrayView1, ArrayView2, Axis, concatenate};
use serde_json::{Map, Value, json};

use crate::output::{number, numbers};

/// A quantity of the model, with a number or a row of numbers per output.
pub(crate) enum Quantity {
    /// Moments of orders 1 to this.
    Moments(usize),
    /// Expected rewards, a row per reward.
    Rewards(Array2<f64>),
    /// Expected times to absorption by vertex.
    WaitingTimes,
}

/// A quantity of a trace, with its gradient or without.
pub(crate) struct Question {
    trace: EliminationTrace,
    batch: Batch,
    quantity: Quantity,
    gradient: bool,
}

impl Question {
    /// Waiting times come without gradient.
    pub(crate) fn new(trace: &EliminationTrace, quantity: Quantity, gradient: bool) -> Question {
        Question {
            batch: trace.batch(),
            trace: trace.clone(),
            quantity,
            gradient,
        }
    }

    pub(crate) fn theta_length(&self) -> usize {
        self.trace.param_length()
    }

    fn outputs(&self) -> usize {
        match &self.quantity {
            Quantity::Moments(order) => *order,
            Quantity::Rewards(rewards) => rewards.nrows(),
            Quantity::WaitingTimes => self.trace.graph().vertex_count(),
        }
    }

    /// The shape of the answer to one theta: outputs, or with gradient (outputs, 1 + parameters), the value first.
    pub(crate) fn shape(&self) -> Vec<usize> {
        let mut shape = vec![self.outputs()];
        if self.gradient {
            shape.push(1 + self.theta_length());
        }
        shape
    }

    /// How many numbers answer one theta.
    pub(crate) fn width(&self) -> usize {
        self.shape().iter().product()
    }

    /// The answers in the order of the rows.
    pub(crate) fn answer(&self, thetas: ArrayView2<'_, f64>) -> Result<Vec<f64>, NumericError> {
        let plain = |values: Array2<f64>| values.into_iter().collect();
        match (&self.quantity, self.gradient) {
            (Quantity::Moments(order), false) => self.batch.moments(thetas, *order).map(plain),
            (Quantity::Moments(order), true) => {
                self.batch.moments_and_gradients(thetas, *order).map(join)
            }
            (Quantity::Rewards(rewards), false) => self
                .batch
                .expected_rewards(thetas, rewards.view())
                .map(plain),
            (Quantity::Rewards(rewards), true) => self
                .batch
                .expected_rewards_and_gradients(thetas, rewards.view())
                .map(join),
            (Quantity::WaitingTimes, _) => self.batch.waiting_times(thetas).map(plain),
        }
    }

    /// The names of theta's and the answer's numbers, as the head of a table.
    pub(crate) fn names(&self) -> Vec<String> {
        let parameters = self.theta_length();
        let mut names: Vec<String> = (0..parameters).map(|p| format!("theta{p}")).collect();
        for output in 0..self.outputs() {
            let name = match self.quantity {
                Quantity::Moments(_) => format!("moment{}", output + 1),
                Quantity::Rewards(_) => format!("reward{output}"),
                Quantity::WaitingTimes => format!("vertex{output}"),
            };
            let derivatives = 0..if self.gradient { parameters } else { 0 };
            let derivatives: Vec<String> =
                derivatives.map(|p| format!("d{name}/dtheta{p}")).collect();
            names.push(name);
            names.extend(derivatives);
        }
        names
    }

    /// One answer as a JSON object.
    pub(crate) fn json(&self, row: u64, theta: ArrayView1<'_, f64>, answer: &[f64]) -> Value {
        let each = answer.len() / self.outputs().max(1);
        let values: Vec<f64> = answer.iter().step_by(each.max(1)).copied().collect();
        let mut object = json!({"row": row, "theta": numbers(&theta.to_vec())});
        match self.quantity {
            Quantity::Moments(_) => object["moments"] = numbers(&values),
            Quantity::Rewards(_) => object["expected_rewards"] = numbers(&values),
            Quantity::WaitingTimes => object["expected_waiting_time"] = by_vertex(&values),
        }
        if self.gradient {
            let gradients = answer
                .chunks(each.max(1))
                .map(|output| numbers(&output[1..]));
            object["gradients"] = gradients.collect();
        }
        object
    }
}

/// Values keyed by vertex.
pub(crate) fn by_vertex(values: &[f64]) -> Value {
    let entries = values.iter().enumerate();
    let map: Map<String, Value> = entries
        .map(|(vertex, &value)| (vertex.to_string(), number(value)))
        .collect();
    Value::Object(map)
}

/// Values and gradients side by side, output by output.
fn join((values, gradients): (Array2<f64>, Array3<f64>)) -> Vec<f64> {
    // The shapes agree: both come from one batch.
    concatenate(
        Axis(2),
        &[values.insert_axis(Axis(2)).view(), gradients.view()],
    )
    .map_or(Vec::new(), |joined| joined.iter().copied().collect())
}
