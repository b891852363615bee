//! What is asked of every theta: the numbers, their names, and their form as JSON.

use elimap::phase::{Batch, EliminationTrace, NumericError, Part, Quantity};
use ndarray::{ArrayView1, ArrayView2, Axis, concatenate};
use serde_json::{Map, Value, json};

use crate::output::{number, numbers};

/// A quantity of a trace: values, and their gradients or none.
pub(crate) struct Question {
    batch: Batch,
    quantity: Quantity,
    parameters: usize,
    values: Part,
    gradients: Option<Part>,
}

impl Question {
    pub(crate) fn new(
        trace: &EliminationTrace,
        quantity: Quantity,
    ) -> Result<Question, NumericError> {
        let mut parts = quantity.parts(trace.graph())?;
        let gradients = (parts.len() > 1).then(|| parts.remove(1));
        Ok(Question {
            batch: trace.batch(),
            quantity,
            parameters: trace.param_length(),
            values: parts.remove(0),
            gradients,
        })
    }

    pub(crate) fn theta_length(&self) -> usize {
        self.parameters
    }

    /// The shape of the answer to one theta: outputs, or with gradient (outputs, 1 + parameters), the value first.
    pub(crate) fn shape(&self) -> Vec<usize> {
        let mut shape = self.values.shape.clone();
        if self.gradients.is_some() {
            shape.push(self.parameters.saturating_add(1));
        }
        shape
    }

    /// How many numbers answer one theta.
    pub(crate) fn width(&self) -> usize {
        self.shape().into_iter().fold(1, usize::saturating_mul)
    }

    /// The answers in the order of the rows, each output followed by its gradient.
    pub(crate) fn answer(&self, thetas: ArrayView2<'_, f64>) -> Result<Vec<f64>, NumericError> {
        let parts = self.batch.answer(thetas, &self.quantity)?;
        Ok(match &parts[..] {
            [values, gradients] => {
                let axis = Axis(values.ndim());
                let values = values.view().insert_axis(axis);
                // The shapes agree: both come from one batch.
                concatenate(axis, &[values, gradients.view()])
                    .map_or(Vec::new(), |joined| joined.iter().copied().collect())
            }
            parts => parts.iter().flatten().copied().collect(),
        })
    }

    /// The names of theta's and the answer's numbers, as the head of a table.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = (0..self.parameters).map(|p| format!("theta{p}")).collect();
        for output in 0..self.values.size() {
            let name = format!("{}{}", self.values.element, self.values.first + output);
            let derivatives = 0..self.gradients.as_ref().map_or(0, |_| self.parameters);
            let derivatives: Vec<String> =
                derivatives.map(|p| format!("d{name}/dtheta{p}")).collect();
            names.push(name);
            names.extend(derivatives);
        }
        names
    }

    /// One answer as a JSON object.
    pub(crate) fn json(&self, row: u64, theta: ArrayView1<'_, f64>, answer: &[f64]) -> Value {
        let each = answer.len() / self.values.size().max(1);
        let values: Vec<f64> = answer.iter().step_by(each.max(1)).copied().collect();
        let mut object = json!({"row": row, "theta": numbers(&theta.to_vec())});
        object[self.values.name] = match self.quantity {
            Quantity::WaitingTimes => by_vertex(&values),
            _ => numbers(&values),
        };
        if let Some(gradients) = &self.gradients {
            let outputs = answer.chunks(each.max(1));
            object[gradients.name] = outputs.map(|output| numbers(&output[1..])).collect();
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
