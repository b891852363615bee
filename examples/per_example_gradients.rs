//! Gradients of a loss for every example of a batch: `vmap(grad(loss))`, with the parameters in a struct.

use elimap::prelude::*;
use elimap::{Tree, grad};

/// A network of one hidden layer.
#[derive(Tree)]
struct Network {
    hidden: Layer,
    output: Layer,
}

#[derive(Tree)]
struct Layer {
    weights: Tensor,
    bias: Tensor,
}

fn layer(inputs: usize, outputs: usize) -> Layer {
    let weights = ndarray::Array2::from_shape_fn((inputs, outputs), |(i, j)| {
        ((3 * i + 5 * j) % 7) as f64 / 7.0 - 0.4
    });
    Layer {
        weights: Array::from(weights.into_dyn()).into(),
        bias: Array::from(vec![0.1; outputs]).into(),
    }
}

fn predict(network: &Network, x: &Tensor) -> Tensor {
    let hidden = (x.matmul(&network.hidden.weights) + &network.hidden.bias).tanh();
    hidden.matmul(&network.output.weights) + &network.output.bias
}

fn main() -> Result<(), Error> {
    let loss =
        |network: Network, x: Tensor, y: Tensor| (predict(&network, &x) - y).square().sum(..);
    let network = || Network {
        hidden: layer(3, 4),
        output: layer(4, 2),
    };
    let x = Array::from(
        ndarray::Array2::from_shape_fn((5, 3), |(i, j)| (i + j) as f64 / 4.0 - 0.5).into_dyn(),
    );
    let y = Array::from(
        ndarray::Array2::from_shape_fn((5, 2), |(i, j)| ((i * j) % 3) as f64).into_dyn(),
    );

    let each: Network =
        vmap(grad(loss))
            .in_axes((None, 0, 0))
            .call((network(), x.clone(), y.clone()))?;
    println!(
        "hidden weights: a gradient of shape (3, 4) for each example, {:?}",
        each.hidden.weights.shape()
    );
    assert_eq!(each.hidden.weights.shape(), [5, 3, 4]);

    // Their sum is the gradient of the sum.
    let total =
        |network: Network, x: Tensor, y: Tensor| (predict(&network, &x) - y).square().sum(..);
    let whole: Network = grad(total).call((network(), x, y))?;
    let difference = (each.hidden.weights.sum(0) - &whole.hidden.weights)
        .abs()
        .max(..)
        .to_array()?
        .item::<f64>()?;
    println!("their sum is the gradient of the batch: off by {difference:.1e}");
    assert!(difference < 1e-12);

    // What differential privacy asks for: every example's gradient clipped by itself.
    let norms = (each.hidden.weights.square().sum([1, 2])
        + each.output.weights.square().sum([1, 2]))
    .sqrt();
    let clipped: Tensor = 1.0 / norms.maximum(1.0);
    let clipped = clipped.to_array()?.to_vec::<f64>()?;
    println!("clipping factors: {clipped:.3?}");
    assert!(clipped.iter().all(|&c| 0.0 < c && c <= 1.0));
    Ok(())
}
