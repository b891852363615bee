//! Gradients of what a time has: density, distribution function, their logarithms, hazard and quantiles.

use ndarray::{Array2, Axis};

use crate::phase::distribution::PhaseType;
use crate::phase::distribution::curve::check_times;
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::steps::Values;
use crate::phase::distribution::tangents::Tangent;
use crate::phase::distribution::timeline::Timeline;

impl PhaseType {
    /// The densities at ascending times and their gradients with respect to theta: `[times]` and `[times, parameters]`.
    ///
    /// # Errors
    ///
    /// As for [`pdf`](Self::pdf).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// // theta exp(-theta t)
    /// let time = EliminationTrace::record(&models::erlang(1)?).at(&[2.0])?;
    /// let (pdf, gradients) = time.pdf_and_gradients(&[1.0])?;
    /// let e = (-2.0_f64).exp();
    /// assert!((pdf[0] - 2.0 * e).abs() < 1e-15 && (gradients[[0, 0]] + e).abs() < 1e-15);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn pdf_and_gradients(
        &self,
        times: &[f64],
    ) -> Result<(Vec<f64>, Array2<f64>), DistributionError> {
        let pdf = self.pdf(times)?;
        let slopes = self.time_slopes(times, |values, tangent, k| {
            tangent.density[k] * values.log_scale.exp()
        })?;
        Ok((pdf, slopes))
    }

    /// The probabilities of absorption by ascending times and their gradients with respect to theta: `[times]` and
    /// `[times, parameters]`. Those of the survival are their negatives.
    ///
    /// # Errors
    ///
    /// As for [`pdf`](Self::pdf).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// // 1 - exp(-theta t)
    /// let time = EliminationTrace::record(&models::erlang(1)?).at(&[2.0])?;
    /// let (_, gradients) = time.cdf_and_gradients(&[1.0])?;
    /// assert!((gradients[[0, 0]] - (-2.0_f64).exp()).abs() < 1e-15);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn cdf_and_gradients(
        &self,
        times: &[f64],
    ) -> Result<(Vec<f64>, Array2<f64>), DistributionError> {
        let cdf = self.cdf(times)?;
        let slopes = self.time_slopes(times, |values, tangent, k| {
            -tangent.survival[k] * values.log_scale.exp()
        })?;
        Ok((cdf, slopes))
    }

    /// The survival at ascending times and its gradients with respect to theta: `[times]` and `[times, parameters]`.
    ///
    /// # Errors
    ///
    /// As for [`pdf`](Self::pdf).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// // exp(-theta t)
    /// let time = EliminationTrace::record(&models::erlang(1)?).at(&[2.0])?;
    /// let (value, gradient) = time.survival_and_gradients(&[1.0])?;
    /// assert!((gradient[[0, 0]] + value[0]).abs() < 1e-15);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn survival_and_gradients(
        &self,
        times: &[f64],
    ) -> Result<(Vec<f64>, Array2<f64>), DistributionError> {
        let survival = self.survival(times)?;
        let slopes = self.time_slopes(times, |values, tangent, k| {
            tangent.survival[k] * values.log_scale.exp()
        })?;
        Ok((survival, slopes))
    }

    /// The logarithms of the densities at ascending times and their gradients with respect to theta: `[times]` and
    /// `[times, parameters]`, in tails below every `f64` too.
    ///
    /// # Errors
    ///
    /// As for [`pdf`](Self::pdf).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// // ln theta - theta t
    /// let time = EliminationTrace::record(&models::erlang(1)?).at(&[2.0])?;
    /// let (value, gradient) = time.log_pdf_and_gradients(&[1000.0])?;
    /// assert!((value[0] - (2.0_f64.ln() - 2000.0)).abs() < 1e-9 && (gradient[[0, 0]] - (0.5 - 1000.0)).abs() < 1e-9);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn log_pdf_and_gradients(
        &self,
        times: &[f64],
    ) -> Result<(Vec<f64>, Array2<f64>), DistributionError> {
        let logs = self.log_pdf(times)?;
        let slopes = self.time_slopes(times, |values, tangent, k| {
            tangent.density[k] / values.density
        })?;
        Ok((logs, slopes))
    }

    /// The logarithms of the survival at ascending times and their gradients with respect to theta: `[times]` and
    /// `[times, parameters]`.
    ///
    /// # Errors
    ///
    /// As for [`pdf`](Self::pdf).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// // -theta t
    /// let time = EliminationTrace::record(&models::erlang(1)?).at(&[2.0])?;
    /// let (_, gradient) = time.log_survival_and_gradients(&[1.5])?;
    /// assert!((gradient[[0, 0]] + 1.5).abs() < 1e-13);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn log_survival_and_gradients(
        &self,
        times: &[f64],
    ) -> Result<(Vec<f64>, Array2<f64>), DistributionError> {
        let logs = self.log_survival(times)?;
        let slopes = self.time_slopes(times, |values, tangent, k| {
            tangent.survival[k] / values.survival
        })?;
        Ok((logs, slopes))
    }

    /// The hazards at ascending times and their gradients with respect to theta: `[times]` and `[times, parameters]`.
    ///
    /// # Errors
    ///
    /// As for [`pdf`](Self::pdf).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// let time = EliminationTrace::record(&models::erlang(1)?).at(&[2.0])?;
    /// let (hazard, gradient) = time.hazard_and_gradients(&[1.0])?;
    /// assert!((hazard[0] - 2.0).abs() < 1e-14 && (gradient[[0, 0]] - 1.0).abs() < 1e-13);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn hazard_and_gradients(
        &self,
        times: &[f64],
    ) -> Result<(Vec<f64>, Array2<f64>), DistributionError> {
        let hazard = self.hazard(times)?;
        let slopes = self.time_slopes(times, |values, tangent, k| {
            let hazard = values.density / values.survival;
            (tangent.density[k] - hazard * tangent.survival[k]) / values.survival
        })?;
        Ok((hazard, slopes))
    }

    /// Quantiles and their gradients with respect to theta: `[probabilities]` and `[probabilities, parameters]`.
    ///
    /// # Errors
    ///
    /// As for [`quantile`](Self::quantile).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// // ln 2 / theta
    /// let time = EliminationTrace::record(&models::erlang(1)?).at(&[2.0])?;
    /// let (median, gradient) = time.quantile_and_gradients(&[0.5])?;
    /// assert!((gradient[[0, 0]] + median[0] / 2.0).abs() < 1e-13);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn quantile_and_gradients(
        &self,
        probabilities: &[f64],
    ) -> Result<(Vec<f64>, Array2<f64>), DistributionError> {
        let quantiles = self.quantile(probabilities)?;
        let slopes = self.quantile_slopes(&quantiles)?;
        Ok((quantiles, slopes))
    }

    /// Quantiles by survival and their gradients with respect to theta: `[probabilities]` and `[probabilities, parameters]`.
    ///
    /// # Errors
    ///
    /// As for [`survival_quantile`](Self::survival_quantile).
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// // -ln p / theta
    /// let time = EliminationTrace::record(&models::erlang(1)?).at(&[2.0])?;
    /// let (value, gradient) = time.survival_quantile_and_gradients(&[1e-9])?;
    /// assert!((gradient[[0, 0]] + value[0] / 2.0).abs() < 1e-12);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn survival_quantile_and_gradients(
        &self,
        probabilities: &[f64],
    ) -> Result<(Vec<f64>, Array2<f64>), DistributionError> {
        let quantiles = self.survival_quantile(probabilities)?;
        let slopes = self.quantile_slopes(&quantiles)?;
        Ok((quantiles, slopes))
    }

    /// Quantiles move so that the survival there stays what it is.
    fn quantile_slopes(&self, quantiles: &[f64]) -> Result<Array2<f64>, DistributionError> {
        let mut order: Vec<usize> = (0..quantiles.len()).collect();
        order.sort_by(|&a, &b| quantiles[a].total_cmp(&quantiles[b]));
        let times: Vec<f64> = order.iter().map(|&place| quantiles[place]).collect();
        let sorted = self.time_slopes(&times, |values, tangent, k| {
            tangent.survival[k] / values.density
        })?;
        let mut out = Array2::zeros(sorted.raw_dim());
        for (row, &place) in sorted.axis_iter(Axis(0)).zip(&order) {
            // A quantile of zero is mass at zero, which is the same at each theta.
            if quantiles[place] > 0.0 {
                out.row_mut(place).assign(&row);
            }
        }
        Ok(out)
    }

    /// By time and parameter, what is made of the values of a time and their derivatives.
    fn time_slopes(
        &self,
        times: &[f64],
        of: impl Fn(&Values, &Tangent, usize) -> f64,
    ) -> Result<Array2<f64>, DistributionError> {
        check_times(times)?;
        let chain = self.slope_chain()?;
        let mut timeline = Timeline::new(chain, self.tolerance);
        let found = timeline.tangents(self.trace(), times)?;
        let shape = (times.len(), self.parameters());
        Ok(Array2::from_shape_fn(shape, |(time, k)| {
            let (values, tangent) = &found[time];
            of(values, tangent, k)
        }))
    }
}
