//! Five analyses, each from the model to the answer: run with `cargo run --example analyses`.
//!
//! 1. The site-frequency spectrum of two islands with migration: expectations and covariances.
//! 2. The migration rate from observed coalescence times: the likelihood and its gradient.
//! 3. A queue: the busy period's quantiles until overflow, and how likely it is to come to that.
//! 4. Reliability of k out of n parts with repair at the time of a mission, to relative accuracy.
//! 5. Two loci with recombination: the covariance of their trees' heights.

use elimap::phase::{
    EliminationTrace, Graph, Observations, PhaseError, Rate, Tolerance, Transitions, models,
};
use ndarray::Array2;

/// Rewards over states as rows.
fn rewards(graph: &Graph, expressions: &[String]) -> Result<Array2<f64>, PhaseError> {
    let mut rows = Array2::zeros((expressions.len(), graph.vertex_count()));
    for (mut row, expression) in rows.outer_iter_mut().zip(expressions) {
        row.assign(&ndarray::ArrayView1::from(&graph.reward(expression)?));
    }
    Ok(rows)
}

/// Expectation and covariance of the time that branches with i descendants take, whichever island they are on.
fn spectrum(lineages: usize) -> Result<(Vec<f64>, Array2<f64>), PhaseError> {
    let graph = models::islands_sfs(lineages)?;
    let kinds: Vec<String> = (0..lineages - 1)
        .map(|i| format!("s{i} + s{}", i + lineages))
        .collect();
    let rewards = rewards(&graph, &kinds)?;
    let time = EliminationTrace::record(&graph).at(&[1.0, 0.5, 0.1, 0.2])?;
    let sojourn = ndarray::Array1::from(time.expected_sojourn_times());
    Ok((
        rewards.dot(&sojourn).to_vec(),
        time.covariance(rewards.view())?,
    ))
}

/// The migration rate most likely for observed times: where the exact slope of the likelihood vanishes.
fn migration(times: &[f64]) -> Result<f64, PhaseError> {
    let trace = EliminationTrace::record(&models::islands(3)?);
    let data = Observations::of_times(times)?;
    let slope = |log_rate: f64| -> Result<f64, PhaseError> {
        let rate = log_rate.exp();
        let (_, gradient) = trace
            .at(&[1.0, 1.0, rate])?
            .log_likelihood_and_gradient(&data)?;
        Ok(gradient[2] * rate)
    };
    // The slope falls through zero at the maximum.
    let (mut low, mut high) = (0.05_f64.ln(), 20.0_f64.ln());
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        match slope(middle)? > 0.0 {
            true => low = middle,
            false => high = middle,
        }
    }
    Ok((0.5 * (low + high)).exp())
}

/// A busy period of a queue that overflows at its capacity: quantiles of its length, and the probability to overflow first.
fn queue(capacity: i64) -> Result<(Vec<f64>, f64), PhaseError> {
    let rule = |&waiting: &i64, out: &mut Transitions<i64>| {
        if waiting > 0 && waiting <= capacity {
            out.edge(waiting + 1, Rate::parameter(0, 1.0));
            out.edge(waiting - 1, Rate::parameter(1, 1.0));
        }
    };
    let graph = Graph::explore([(1, 1.0)], rule)
        .parameters(["arrival", "service"])
        .build()?;
    let time = EliminationTrace::record(&graph).at(&[0.8, 1.0])?;
    let ends = time.absorption_probabilities();
    let overflow = graph
        .vertices()
        .find(|&vertex| graph.state(vertex) == [capacity + 1]);
    let overflow = overflow.map_or(0.0, |vertex| ends[vertex.index()]);
    Ok((time.quantile(&[0.5, 0.99])?, overflow))
}

/// The probability that a system of parts has failed by the end of a mission, however small.
fn failure(mission: &[f64]) -> Result<Vec<f64>, PhaseError> {
    let trace = EliminationTrace::record(&models::k_out_of_n(2, 4)?);
    let time = trace.at(&[1e-4, 1.0])?.within(Tolerance::relative(1e-10)?);
    Ok(time.cdf(mission)?)
}

/// The covariance of the heights of the trees at two loci, with a recombination rate rho between them.
fn heights(rho: f64) -> Result<f64, PhaseError> {
    let graph = models::two_locus_heights(2)?;
    let heights = rewards(&graph, &["1 - left_done".into(), "1 - right_done".into()])?;
    let time = EliminationTrace::record(&graph).at(&[1.0, rho / 2.0])?;
    Ok(time.covariance(heights.view())?[[0, 1]])
}

fn main() -> Result<(), PhaseError> {
    let (means, covariance) = spectrum(6)?;
    println!("1. spectrum of two islands, six lineages: expectations {means:.4?}");
    println!("   its covariances:\n{covariance:.4}");
    let times = [0.6, 1.3, 2.4, 4.1, 7.5, 12.0];
    println!(
        "2. migration rate most likely for the times {times:?}: {:.4}",
        migration(&times)?
    );
    let (quantiles, overflow) = queue(20)?;
    println!(
        "3. busy period: median {:.4}, 99% {:.4}; overflows with probability {overflow:.3e}",
        quantiles[0], quantiles[1]
    );
    let mission = [1e1, 1e2, 1e3];
    for (time, probability) in mission.iter().zip(failure(&mission)?) {
        println!("4. probability of failure by {time}: {probability:.6e}");
    }
    for rho in [0.1, 1.0, 10.0] {
        println!(
            "5. covariance of heights at rho = {rho}: {:.6}",
            heights(rho)?
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answers_are_those_of_the_literature() -> Result<(), PhaseError> {
        // 1. Covariances are symmetric, and a variance is positive.
        let (means, covariance) = spectrum(4)?;
        assert!(means.iter().all(|&mean| mean > 0.0));
        for i in 0..3 {
            assert!(covariance[[i, i]] > 0.0);
            assert!((covariance[[0, i]] - covariance[[i, 0]]).abs() < 1e-12);
        }
        // 2. At the maximum a step either way is less likely.
        let times = [0.6, 1.3, 2.4, 4.1, 7.5, 12.0];
        let best = migration(&times)?;
        assert!((0.2..0.3).contains(&best), "{best}");
        let data = Observations::of_times(&times)?;
        let trace = EliminationTrace::record(&models::islands(3)?);
        let value = |rate: f64| -> Result<f64, PhaseError> {
            Ok(trace.at(&[1.0, 1.0, rate])?.log_likelihood(&data)?)
        };
        assert!(value(best)? >= value(best * 1.01)? && value(best)? >= value(best / 1.01)?);
        // 3. Gambler's ruin: (1 - r) / (1 - r^n) for r = service / arrival.
        let (quantiles, overflow) = queue(20)?;
        let r: f64 = 1.0 / 0.8;
        assert!((overflow / ((1.0 - r) / (1.0 - r.powi(21))) - 1.0).abs() < 1e-12);
        assert!(quantiles[0] < quantiles[1]);
        // 4. Failures are rare: by the mission's end about its length over the mean time to one.
        let mean = EliminationTrace::record(&models::k_out_of_n(2, 4)?)
            .at(&[1e-4, 1.0])?
            .expectation();
        let found = failure(&[1e3])?[0];
        assert!((found / (1e3 / mean) - 1.0).abs() < 1e-2, "{found} {mean}");
        // 5. The closed form.
        for rho in [0.1, 1.0, 10.0] {
            let exact = (rho + 18.0) / (rho * rho + 13.0 * rho + 18.0);
            assert!((heights(rho)? / exact - 1.0).abs() < 1e-12);
        }
        Ok(())
    }
}
