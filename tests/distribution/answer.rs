//! Answers to questions of reference cases, through the public API.
//!
//! A case is a model with questions; an answer has the form of the case's, with numbers for its decimal strings.

use elimap::phase::{
    DiscretePhaseType, EliminationTrace, Graph, Observations, PhaseError, PhaseType, VertexId,
};
use ndarray::{Array2, ArrayD};
use serde_json::{Map, Value, json};

/// Why a question has no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// It is of a kind that the library does not claim to answer.
    NotCovered,
    Failed(String),
}

impl<E: Into<PhaseError>> From<E> for NoAnswer {
    fn from(error: E) -> Self {
        Self::Failed(error.into().to_string())
    }
}

/// A model of a case at its theta.
pub(crate) enum Model {
    Time(Box<PhaseType>),
    Steps(Box<DiscretePhaseType>),
    /// Two graphs at their thetas, for operations.
    Pair([(Graph, Vec<f64>); 2]),
    Other,
}

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_f64).collect()
}

fn matrix(value: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = value
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
        .map(numbers)
        .collect();
    let width = rows.first().map_or(0, Vec::len);
    let flat = rows.concat();
    Array2::from_shape_vec((flat.len() / width.max(1), width), flat).unwrap_or_default()
}

fn vertices(value: &Value) -> Vec<VertexId> {
    let indices = numbers(value).into_iter();
    indices
        .filter_map(|index| VertexId::new(index as usize))
        .collect()
}

/// An array as nested lists.
fn nested(array: ArrayD<f64>) -> Value {
    if array.ndim() == 0 {
        return json!(array.iter().next().copied());
    }
    array
        .outer_iter()
        .map(|row| nested(row.to_owned()))
        .collect()
}

/// Answers at times in any order.
fn ordered<E>(
    times: &[f64],
    answer: impl Fn(&[f64]) -> Result<Vec<f64>, E>,
) -> Result<Vec<f64>, E> {
    let mut order: Vec<usize> = (0..times.len()).collect();
    order.sort_by(|&a, &b| times[a].total_cmp(&times[b]));
    let sorted: Vec<f64> = order.iter().map(|&place| times[place]).collect();
    let mut out = vec![0.0; times.len()];
    for (place, value) in order.into_iter().zip(answer(&sorted)?) {
        out[place] = value;
    }
    Ok(out)
}

/// Columns of some vertices.
fn columns(all: &Array2<f64>, question: &Map<String, Value>) -> Value {
    let picked: Vec<usize> = vertices(&question["vertices"])
        .iter()
        .map(|v| v.index())
        .collect();
    nested(all.select(ndarray::Axis(1), &picked).into_dyn())
}

fn entries(all: &[f64], question: &Map<String, Value>) -> Value {
    let picked = vertices(&question["vertices"]);
    json!(picked.iter().map(|v| all[v.index()]).collect::<Vec<f64>>())
}

impl Model {
    pub(crate) fn read(case: &Value) -> Result<Self, String> {
        let read = |graph: &Value| Graph::from_json(&graph.to_string()).map_err(|e| e.to_string());
        if let (Some(first), Some(second)) = (case.get("first"), case.get("second")) {
            return Ok(Self::Pair([
                (read(first)?, numbers(&case["first_theta"])),
                (read(second)?, numbers(&case["second_theta"])),
            ]));
        }
        let Some(graph) = case.get("graph") else {
            return Ok(Self::Other);
        };
        let graph = read(graph)?;
        let theta = numbers(&case["theta"]);
        let trace = EliminationTrace::record(&graph);
        if graph.is_discrete() {
            let steps = trace.steps_at(&theta).map_err(|e| e.to_string())?;
            return Ok(Self::Steps(Box::new(steps)));
        }
        let time = trace.at(&theta).map_err(|e| e.to_string())?;
        Ok(Self::Time(Box::new(time)))
    }

    pub(crate) fn answer(&self, question: &Value) -> Result<Value, NoAnswer> {
        let Some(question) = question.as_object() else {
            return Err(NoAnswer::NotCovered);
        };
        let time = match self {
            Self::Time(time) => time,
            Self::Steps(steps) => return of_steps(steps, question),
            Self::Pair(pair) => return of_pair(pair, question),
            Self::Other => return Err(NoAnswer::NotCovered),
        };
        let ask = question["ask"].as_str().unwrap_or_default();
        let list = |name: &str| question.get(name).map(numbers).unwrap_or_default();
        let times = list("times");
        let order = question.get("order").and_then(Value::as_u64).unwrap_or(0) as usize;
        let rewards = || matrix(&question["rewards"]);
        Ok(match ask {
            "pdf" => json!(ordered(&times, |times| time.pdf(times))?),
            "cdf" => json!(ordered(&times, |times| time.cdf(times))?),
            "survival" => json!(ordered(&times, |times| time.survival(times))?),
            "hazard" => json!(ordered(&times, |times| time.hazard(times))?),
            "quantile" => json!(time.quantile(&list("probabilities"))?),
            "moments" => json!(time.moments(order)),
            "variance" => json!(time.variance()),
            "mass_at_zero" => json!(time.mass_at_zero()),
            "laplace" => json!(time.laplace(&list("at"))?),
            "laplace_derivatives" => {
                let orders = list("orders");
                let most = orders.iter().copied().fold(0.0, f64::max) as usize;
                let all = time.laplace_derivatives(&list("at"), most)?;
                let picked: Vec<usize> = orders.iter().map(|k| *k as usize - 1).collect();
                nested(all.select(ndarray::Axis(1), &picked).into_dyn())
            }
            "pdf_gradient" => nested(time.pdf_and_gradients(&times)?.1.into_dyn()),
            "cdf_gradient" => nested(time.cdf_and_gradients(&times)?.1.into_dyn()),
            "loglik" => json!(time.log_likelihood(&observations(question)?)?),
            "loglik_gradient" => {
                json!(
                    time.log_likelihood_and_gradient(&observations(question)?)?
                        .1
                )
            }
            "interval_loglik" => {
                let ends = list("interval");
                let data = Observations::new().interval(ends[0], ends[1], 1.0)?;
                json!(time.log_likelihood(&data)?)
            }
            "state_probabilities" => columns(&time.state_probabilities(&times)?, question),
            "occupancy" => columns(&time.occupancy(&times)?, question),
            "cdf_by_vertex" => columns(&time.cdf_by_vertex(&times)?, question),
            "absorption_probabilities" => entries(&time.absorption_probabilities(), question),
            "sojourn_times" => entries(&time.expected_sojourn_times(), question),
            "waiting_times" => entries(&time.expected_waiting_times(), question),
            "reward_moments" => json!(time.reward_moments(&list("rewards"), order)?),
            "expected_rewards" => {
                let rewards = rewards();
                let means = rewards
                    .outer_iter()
                    .map(|row| Ok::<_, NoAnswer>(time.reward_moments(&row.to_vec(), 1)?[0]));
                json!(means.collect::<Result<Vec<f64>, _>>()?)
            }
            "reward_distribution" => {
                let reward = time.reward(&list("rewards"))?;
                let at = list("at");
                json!({
                    "mass_at_zero": reward.mass_at_zero(),
                    "pdf": reward.pdf(&at)?,
                    "cdf": reward.cdf(&at)?,
                    "phases": reward.phases(),
                })
            }
            "reward_quantile" => {
                let reward = time.reward(&list("rewards"))?;
                json!(reward.quantile(&list("probabilities"))?)
            }
            "covariance" => nested(time.covariance(rewards().view())?.into_dyn()),
            "correlation" => nested(time.correlation(rewards().view())?.into_dyn()),
            "joint_moment" => json!(time.joint_moment(rewards().view())?),
            "joint_laplace" => json!(time.joint_laplace(rewards().view(), &list("at"))?),
            _ => return Err(NoAnswer::NotCovered),
        })
    }
}

fn of_steps(steps: &DiscretePhaseType, question: &Map<String, Value>) -> Result<Value, NoAnswer> {
    let list = |name: &str| question.get(name).map(numbers).unwrap_or_default();
    let counts = |name: &str| list(name).iter().map(|&k| k as u64).collect::<Vec<u64>>();
    let rewards = || matrix(&question["rewards"]);
    Ok(match question["ask"].as_str().unwrap_or_default() {
        "pmf" => json!(steps.pmf(&counts("steps"))?),
        "cdf" => json!(steps.cdf(&counts("steps"))?),
        "quantile" => json!(steps.quantile(&list("probabilities"))?),
        "factorial_moments" => {
            let order = question["order"].as_u64().unwrap_or(0) as usize;
            json!(steps.factorial_moments(order))
        }
        "variance" => json!(steps.variance()),
        "mass_at_zero" => json!(steps.mass_at_zero()),
        "visits" => entries(&steps.visits(), question),
        "absorption_probabilities" => entries(&steps.absorption_probabilities(), question),
        "pgf" => json!(steps.pgf(&list("at"))?),
        "expected_rewards" => json!(steps.expected_rewards(rewards().view())?),
        "covariance" => nested(steps.covariance(rewards().view())?.into_dyn()),
        "reward_pmf" => json!(steps.reward(&list("rewards"))?.pmf(&counts("at"))?),
        _ => return Err(NoAnswer::NotCovered),
    })
}

fn of_pair(
    pair: &[(Graph, Vec<f64>); 2],
    question: &Map<String, Value>,
) -> Result<Value, NoAnswer> {
    let [(first, a), (second, b)] = pair;
    // The parameters of the second graph follow those of the first.
    let theta = [a.as_slice(), b.as_slice()].concat();
    let weights = question.get("weights").map(numbers).unwrap_or_default();
    let graph = match question["ask"].as_str().unwrap_or_default() {
        "minimum" => first.minimum(second)?,
        "maximum" => first.maximum(second)?,
        "sum" => first.sum(second)?,
        "mixture" => Graph::mixture(&[(weights[0], first), (weights[1], second)])?,
        _ => return Err(NoAnswer::NotCovered),
    };
    let time = EliminationTrace::record(&graph).at(&theta)?;
    let answer = question["answer"].as_object();
    let moments = answer.and_then(|answer| answer.get("moments"));
    let order = moments.and_then(Value::as_array).map_or(1, Vec::len);
    Ok(json!({
        "cdf": time.cdf(&numbers(&question["times"]))?,
        "moments": time.moments(order),
        "mean": time.expectation(),
    }))
}

fn observations(question: &Map<String, Value>) -> Result<Observations, NoAnswer> {
    let mut data = Observations::new();
    for time in numbers(&question["times"]) {
        data = data.exact(time, 1.0)?;
    }
    for time in question
        .get("right_censored")
        .map(numbers)
        .unwrap_or_default()
    {
        data = data.right_censored(time, 1.0)?;
    }
    Ok(data)
}
