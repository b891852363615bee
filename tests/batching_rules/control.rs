//! Calls, conditionals and loops, with closures over what the vmaps map.

use elimap::prelude::*;
use elimap::{checkpoint, custom_jvp, custom_vmap, sequential_vmap, stop_gradient};

use crate::lanes::{Draw, Rule, any, between};

fn numbers(d: &mut Draw, n: usize) -> (Vec<usize>, Vec<crate::lanes::Arg>) {
    let shape = d.shape(0..=2);
    let args = (0..n)
        .map(|_| between(DType::F64, &shape, -3.0, 3.0))
        .collect();
    (shape, args)
}

type Pair = (Tensor, Tensor);

rules! {
    jit_call => |d| {
        let (_, args) = numbers(d, 2);
        Rule::many(args, |x| {
            let y = x[1].clone();
            let f = jit(move |x: Tensor| (&x * &y, x.sin()));
            let (a, b) = f.call((&x[0],))?;
            Ok(vec![a, b])
        })
    };
    checkpointed => |d| {
        let (_, args) = numbers(d, 2);
        Rule::many(args, |x| {
            let y = x[1].clone();
            let f = checkpoint(move |x: Tensor| (x.sin() * &y).sin());
            Ok(vec![f.call((&x[0],))?])
        })
    };
    with_a_forward_rule => |d| {
        let (_, args) = numbers(d, 2);
        Rule::many(args, |x| {
            let f = custom_jvp(|x: Tensor, y: Tensor| x.sin() * y).def_jvp(
                |(x, y): (Tensor, Tensor), (dx, dy): (Tensor, Tensor)| {
                    let slope = x.cos() * &y * dx + x.sin() * dy;
                    (x.sin() * y, slope)
                },
            );
            Ok(vec![f.call((&x[0], &x[1]))?])
        })
    };
    // What is stopped does not change around the arguments, or its slope would not be 0.
    stopped => |d| {
        let (_, args) = numbers(d, 2);
        Rule::many(args, |x| {
            Ok(vec![x[1].sin() * stop_gradient(x[0].floor())?])
        })
    };
    cond_by_value => |d| {
        let (shape, mut args) = numbers(d, 2);
        args.push(any(d.pick(&[DType::Bool, DType::F64, DType::I32]), &[]));
        args.push(between(DType::F64, &shape, 0.0, 1.0));
        Rule::many(args, |x| {
            let captured = x[3].clone();
            let (a, b): Pair = cond(
                &x[2],
                |a: Tensor, b: Tensor| (&a + &b * &captured, b),
                |a: Tensor, b: Tensor| (&a - &b, a),
                (&x[0], &x[1]),
            )?;
            Ok(vec![a, b])
        })
    };
    cond_results_of_constants => |d| {
        let (_, mut args) = numbers(d, 1);
        args.push(any(DType::Bool, &[]));
        Rule::many(args, |x| {
            let shape: Vec<usize> = x[0].shape().to_vec();
            Ok(vec![cond(
                &x[1],
                |x: Tensor| x * 2.0,
                move |_: Tensor| full(shape.clone(), 7.0),
                (&x[0],),
            )?])
        })
    };
    switch_clamps => |d| {
        let (_, mut args) = numbers(d, 1);
        args.push(between(d.pick(&[DType::I32, DType::I64, DType::U8]), &[], -2.0, 5.0));
        Rule::many(args, |x| {
            let double = |x: Tensor| x * 2.0;
            let sine = |x: Tensor| x.sin();
            let nothing = |x: Tensor| x;
            Ok(vec![switch(&x[1], &[&double, &sine, &nothing], (&x[0],))?])
        })
    };
    while_with_a_lane_count_each => |d| {
        let (_, mut args) = numbers(d, 2);
        args.push(between(DType::I64, &[], -1.0, 5.0));
        Rule::many(args, |x| {
            let (limit, step) = (x[2].clone(), x[1].clone());
            let (i, y): Pair = while_loop(
                |(i, _): Pair| i.less(&limit),
                |(i, y): Pair| (i + 1, y * 0.5 + &step),
                (0, &x[0]),
            )?;
            Ok(vec![i, y])
        })
    };
    while_whose_carry_becomes_batched => |d| {
        let (_, args) = numbers(d, 1);
        Rule::many(args, |x| {
            let x = x[0].clone();
            let (i, y, z): (Tensor, Tensor, Tensor) = while_loop(
                |(i, _, _): (Tensor, Tensor, Tensor)| i.less(3),
                // y is one value for all lanes before the first step, and z before the second.
                |(i, y, _): (Tensor, Tensor, Tensor)| (i + 1, &x * 1.0, y),
                (0, zeros(x.shape(), DType::F64), ones(x.shape(), DType::F64)),
            )?;
            Ok(vec![i, y, z])
        })
    };
    while_inside_while => |_| {
        let args = vec![between(DType::I64, &[], 0.0, 3.0), between(DType::I64, &[], 0.0, 3.0)];
        Rule::many(args, |x| {
            let (rows, columns) = (x[0].clone(), x[1].clone());
            let (_, total): Pair = while_loop(
                |(i, _): Pair| i.less(&rows),
                |(i, total): Pair| -> Result<Pair, Error> {
                    let (_, total): Pair = while_loop(
                        |(j, _): Pair| j.less(&columns + &i),
                        |(j, total): Pair| (&j + 1, total * 2 + j),
                        (0, total),
                    )?;
                    Ok((i + 1, total))
                },
                (0, 1),
            )?;
            Ok(vec![total])
        })
    };
    fori_with_static_bounds => |d| {
        let (_, args) = numbers(d, 2);
        let (from, to) = (d.below(3) as i64, d.below(5) as i64);
        Rule::many(args, move |x| {
            let y = x[1].clone();
            let out: Tensor = fori_loop(from, to, |i: Tensor, x: Tensor| x * 0.5 + &y * i, &x[0])?;
            Ok(vec![out])
        })
    };
    fori_with_bounds_per_lane => |d| {
        let (_, mut args) = numbers(d, 1);
        args.push(between(DType::I32, &[], -2.0, 2.0));
        args.push(between(DType::I32, &[], -2.0, 4.0));
        Rule::many(args, |x| {
            let out: Tensor = fori_loop(&x[1], &x[2], |i: Tensor, x: Tensor| x * 0.5 + i, &x[0])?;
            Ok(vec![out])
        })
    };
    scan_carries_and_stacks => |d| {
        let (shape, mut args) = numbers(d, 2);
        let n = d.below(4);
        let xs: Vec<usize> = [n].into_iter().chain(shape).collect();
        args.push(between(DType::F64, &xs, -3.0, 3.0));
        let reverse = d.flag();
        Rule::many(args, move |x| {
            let constant = x[1].clone();
            let options = ScanOptions::default().reverse(reverse);
            let (carry, (a, b)): (Tensor, Pair) = scan(
                |c: Tensor, x: Tensor| {
                    let next = &c * 0.5 + &x;
                    (next.clone(), (next * &constant, c))
                },
                &x[0],
                &x[2],
                options,
            )?;
            Ok(vec![carry, a, b])
        })
    };
    scan_whose_carry_becomes_batched => |d| {
        let (shape, args) = numbers(d, 1);
        Rule::many(args, move |x| {
            let x = x[0].clone();
            let ((a, b), ys): (Pair, Tensor) = scan(
                |(a, _): Pair, (): ()| ((&x + 1.0, a.clone()), a),
                (zeros(shape.clone(), DType::F64), ones(shape.clone(), DType::F64)),
                (),
                ScanOptions::default().length(3),
            )?;
            Ok(vec![a, b, ys])
        })
    };
    scan_inside_cond => |d| {
        let (_, mut args) = numbers(d, 1);
        args.push(any(DType::Bool, &[]));
        args.push(between(DType::F64, &[3], -3.0, 3.0));
        Rule::many(args, |x| {
            let xs = x[2].clone();
            let sum = |x: Tensor| -> Result<Tensor, Error> {
                let (out, ()): (Tensor, ()) =
                    scan(|c: Tensor, x: Tensor| (c + x, ()), x, &xs, ScanOptions::default())?;
                Ok(out)
            };
            Ok(vec![cond(&x[1], sum, |x: Tensor| x, (&x[0],))?])
        })
    };
    vmap_inside => |d| {
        let shape = d.shape(1..=2);
        let (input, output) = (d.axis(shape.len()), d.axis(shape.len()));
        let args = vec![between(DType::F64, &shape, -3.0, 3.0), between(DType::F64, &[], -3.0, 3.0)];
        Rule::many(args, move |x| {
            let y = x[1].clone();
            let f = vmap(move |x: Tensor| x.exp() * &y).in_axes(input).out_axes(output);
            Ok(vec![f.call((&x[0],))?])
        })
    };
    custom_rule_as_its_function => |d| {
        let (_, args) = numbers(d, 2);
        Rule::many(args, |x| {
            let f = custom_vmap(|x: Tensor, y: Tensor| x.sin() * y).def_vmap(
                |size, flags: &[bool], (x, y): (Tensor, Tensor)| {
                    // Unbatched arguments come as they are.
                    let lanes = |x: Tensor, batched: bool| {
                        let shape = x.shape().to_vec();
                        let shape = if batched { shape } else { [vec![size], shape].concat() };
                        x.broadcast_to(shape)
                    };
                    (lanes(x, flags[0]).sin() * lanes(y, flags[1]), true)
                },
            );
            Ok(vec![f.call((&x[0], &x[1]))?])
        })
    };
    sequential_vmap_of_a_function => |d| {
        let (_, args) = numbers(d, 2);
        Rule::many(args, |x| {
            let f = sequential_vmap(|x: Tensor, y: Tensor| x.cos() + y);
            Ok(vec![f.call((&x[0], &x[1]))?])
        })
    };
    vmap_inside_in_chunks => |d| {
        let shape = d.shape(1..=2);
        let (input, output, chunk) = (d.axis(shape.len()), d.axis(shape.len()), d.below(4));
        let args = vec![between(DType::F64, &shape, -3.0, 3.0), between(DType::F64, &[], -3.0, 3.0)];
        Rule::many(args, move |x| {
            let y = x[1].clone();
            let f = vmap(move |x: Tensor| x.exp() * &y).in_axes(input).out_axes(output).chunk_size(chunk);
            Ok(vec![f.call((&x[0],))?])
        })
    };
}
