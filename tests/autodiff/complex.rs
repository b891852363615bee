//! Derivatives of complex functions, with JAX's convention: a gradient is `dL/dRe z - i dL/dIm z`. The values are JAX 0.10.2's.

use elimap::num_complex::Complex;
use elimap::prelude::*;
use elimap::{AutodiffError, Error, fft, grad, numpy};

type C = Complex<f64>;

fn c(re: f64, im: f64) -> C {
    Complex::new(re, im)
}

fn z() -> Vec<C> {
    vec![c(1.0, 2.0), c(0.5, -1.0), c(-0.75, 0.25)]
}

fn w() -> Vec<C> {
    vec![c(0.3, -0.4), c(1.0, 1.0), c(-2.0, 0.5)]
}

fn check(found: &Tensor, expected: &[C]) {
    let found = found.to_vec::<C>().unwrap();
    assert_eq!(found.len(), expected.len());
    for (x, y) in found.iter().zip(expected) {
        assert!(
            (x - y).norm() <= 1e-12 * (1.0 + y.norm()),
            "{found:?} is not {expected:?}"
        );
    }
}

/// Checks the gradient at [`z`], also with two lanes, the second of which is at the conjugates.
fn gradient(f: impl Fn(Tensor) -> Result<Tensor, Error> + Clone, expected: [C; 3]) {
    check(&grad(f.clone()).call((z(),)).unwrap(), &expected);
    let both = elimap::stack([Tensor::from(z()), Tensor::from(z())], 0).unwrap();
    let lanes = vmap(grad(f)).call((both,)).unwrap();
    check(&lanes, &[expected, expected].concat());
}

#[test]
fn gradients_of_real_functions_of_complex_numbers() {
    gradient(
        |z| ok(z.abs().square().sum(..)),
        [c(2.0, -4.0), c(1.0, 2.0), c(-1.5, -0.5)],
    );
    gradient(
        |z| ok((&z * &z * w()).real().sum(..)),
        [c(2.2, 0.4), c(3.0, -1.0), c(2.75, -1.75)],
    );
    gradient(
        |z| ok(z.exp().imag().sum(..)),
        [
            c(2.471_726_672_004_819, 1.131_204_383_756_813_8),
            c(-1.387_351_111_329_763_4, -0.890_807_904_293_128_7),
            c(0.116_865_355_367_537_46, -0.457_681_820_551_405_55),
        ],
    );
    gradient(
        |z| ok(z.sin().abs().sum(..)),
        [
            c(0.122_112_478_298_695_73, -3.664_850_821_299_336),
            c(0.331_488_575_221_086_27, 1.428_763_214_452_899),
            c(-0.686_089_990_621_247_6, -0.358_416_110_416_898_36),
        ],
    );
    gradient(
        |z| ok((Tensor::from(w()) / z).real().sum(..)),
        [c(0.1, 0.0), c(1.12, -0.16), c(3.04, 1.28)],
    );
    gradient(
        |z| ok((z.conj() * w()).imag().sum(..)),
        [c(-0.4, 0.3), c(1.0, 1.0), c(0.5, -2.0)],
    );
    gradient(
        |z| ok(z.ln().real().sum(..)),
        [c(0.2, -0.4), c(0.4, 0.8), c(-1.2, -0.4)],
    );
    gradient(
        |z| ok(z.prod(..).real()),
        [c(-0.125, 0.875), c(-1.25, -1.25), c(2.5, 0.0)],
    );
    gradient(
        |z| ok(z.pow(w()).imag().sum(..)),
        [
            c(-0.398_479_289_430_775_6, 0.194_156_516_408_525_02),
            c(3.343_790_839_335_740_7, -2.670_021_087_363_748_4),
            c(0.577_539_341_504_975_5, -0.839_185_565_713_567_1),
        ],
    );
}

#[test]
fn gradients_through_transforms_and_solves() {
    gradient(
        |z| {
            let y = fft::fft(z, None, 0, fft::Norm::Backward);
            ok((y.abs().square() * vec![0.0, 1.0, 2.0]).sum(..))
        },
        [
            c(8.915_063_509_461_095, -16.415_063_509_461_095),
            c(5.281_088_913_245_535, 15.781_088_913_245_535),
            c(-14.196_152_422_706_63, 0.633_974_596_215_560_7),
        ],
    );
    gradient(
        |z| ok((numpy::diag(z, 0) + 0.5).solve(w()).real().sum(..)),
        [
            c(0.081_632_653_061_224_65, -0.489_795_918_367_346_8),
            c(-0.212_244_897_959_183_25, 0.555_102_040_816_325_9),
            c(5.910_204_081_632_649, 5.453_061_224_489_794),
        ],
    );
    let a = ndarray::array![[c(4.0, 0.0), c(1.0, 1.0)], [c(1.0, -1.0), c(3.0, 0.0)]];
    let g = grad(|a: Tensor| {
        let l = a.cholesky();
        ok(l.real().sum(..) + l.imag().sum(..) * 2.0)
    });
    let x = 0.170_943_058_495_790_5;
    let y = 0.579_056_941_504_209_5;
    let expected = [
        c(0.352_028_470_752_104_75, 0.0),
        c(x, y),
        c(x, -y),
        c(0.316_227_766_016_837_94, 0.0),
    ];
    check(&g.call((a,)).unwrap(), &expected);
}

#[test]
fn gradients_of_transforms_of_real_numbers() {
    let x = vec![1.0, 2.0, 0.5, -1.0, 3.0];
    let half = grad(|x: Tensor| {
        let y = fft::rfft(x, None, 0, fft::Norm::Backward);
        ok((y.abs().square() * vec![0.0, 1.0, 2.0]).sum(..))
    });
    let expected = [
        -6.899_186_938_124_422,
        7.309_016_994_374_948,
        -1.145_898_033_750_316_2,
        -16.309_016_994_374_947,
        17.045_084_971_874_736,
    ];
    super::close(&super::list(&half.call((x.clone(),)).unwrap()), &expected);
    for (take, n, expected) in [
        (
            5,
            6,
            vec![
                1.583_333_333_333_333_3,
                2.0,
                1.583_333_333_333_333,
                -0.166_666_666_666_666_52,
                0.0,
            ],
        ),
        (
            4,
            7,
            vec![
                1.346_938_775_510_203_8,
                0.979_591_836_734_693_2,
                0.489_795_918_367_346_9,
                0.918_367_346_938_775_9,
            ],
        ),
    ] {
        let back = grad(move |x: Tensor| {
            let spectrum = x.astype(DType::C128) * c(1.0, 1.0);
            ok(fft::irfft(spectrum, Some(n), 0, fft::Norm::Backward)
                .integer_pow(3)
                .sum(..))
        });
        super::close(
            &super::list(&back.call((x[..take].to_vec(),)).unwrap()),
            &expected,
        );
    }
}

#[test]
fn tangents_and_cotangents_of_complex_numbers() {
    let (_, tangent) = elimap::jvp(|z: Tensor| ok(z.tanh() * z.real()), (z(),), (w(),)).unwrap();
    let expected = [
        c(0.486_661_606_058_319_76, 0.218_194_085_206_290_8),
        c(0.483_171_784_073_601_2, 0.316_336_762_387_441_24),
        c(2.273_016_229_104_178_4, -0.223_612_339_099_665_82),
    ];
    check(&tangent, &expected);
    let (_, pullback) = elimap::vjp(|z: Tensor| ok(&z * &z), (z(),)).unwrap();
    let (cotangent,) = pullback.call(Tensor::from(w())).unwrap();
    check(&cotangent, &[c(2.2, 0.4), c(3.0, -1.0), c(2.75, -1.75)]);
}

#[test]
fn what_has_no_real_value_is_refused() {
    let error = grad(|z: Tensor| ok(z.sum(..))).call((z(),)).unwrap_err();
    let complex = |error: &Error| {
        matches!(
            error,
            Error::Autodiff(AutodiffError::ComplexOutput {
                transform: "grad",
                ..
            })
        )
    };
    assert!(complex(&error), "{error}");
    let error = elimap::jacfwd(|z: Tensor| ok(z)).call((z(),)).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Autodiff(AutodiffError::ComplexInput {
                transform: "jacfwd",
                ..
            })
        ),
        "{error}"
    );
    assert!(error.to_string().contains("c128[3]"), "{error}");
}
