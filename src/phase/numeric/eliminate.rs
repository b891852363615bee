//! Elimination of all blocks in lanes, panel by panel, with the first solution on the way.
//!
//! The algorithm is that of [`crate::phase::numeric::factor`], and so are the bits. Where rows are long, they are eliminated in
//! panels ([`crate::phase::symbolic::schedule`]), else one by one ([`rows`](crate::phase::numeric::rows)). By panels: scatter the rates of the panel's rows, add multiples of eliminated rows, and
//! divide each row by its pivot.

use crate::phase::index::{Block, Index, Position, Rank, Span};
use crate::phase::numeric::flows::RightHandSide;
use crate::phase::numeric::kernel::{BlockView, Diagonal, Kernel, System};
use crate::phase::numeric::lanes::Lanes;
use crate::phase::numeric::panel::Panel;
use crate::phase::numeric::ranks::Ranks;
use crate::phase::symbolic::schedule::PANEL;

impl<S: Lanes> Kernel<S> {
    /// Eliminates and solves all blocks for all right-hand sides.
    #[inline(always)]
    pub(crate) fn run(&mut self, system: &System<'_>) {
        self.least_factor = S::INFINITY;
        self.least_exit = S::INFINITY;
        self.largest_inverse = S::ZERO;
        self.smallest.fill(S::INFINITY);
        self.largest.fill(S::ZERO);
        for block in system.ranks.symbolic().layout().blocks().rev() {
            let diagonal = self.diagonal(system.ranks, block);
            self.eliminate_diagonal(system, &diagonal);
            if let (Diagonal::Block(view), false) = (&diagonal, system.right.is_empty()) {
                self.substitute_back(0, view);
            }
            self.solve_block(system, 1, &diagonal);
        }
    }

    /// The factors of a block again, where those of later blocks have been eliminated since.
    #[inline(always)]
    pub(crate) fn eliminate_again(&mut self, ranks: &Ranks, block: Block) {
        let system = System {
            ranks,
            right: &[],
            nonabsorbing: ranks.nonabsorbing(),
        };
        self.eliminate_diagonal(&system, &self.diagonal(ranks, block));
    }

    /// The factors of a block, and the forward substitution of the first right-hand side on the way.
    #[inline(always)]
    fn eliminate_diagonal(&mut self, system: &System<'_>, diagonal: &Diagonal<'_>) {
        match diagonal {
            &Diagonal::Singleton { rank, pivot } => self.eliminate_singleton(system, rank, pivot),
            Diagonal::Block(view) if Self::is_by_rows(view.schedule) => {
                self.eliminate_rows(system, view);
            }
            Diagonal::Block(view) => self.eliminate(system, view),
        }
    }

    /// The inverse pivot of a singleton block, and its first solution.
    #[inline(always)]
    fn eliminate_singleton(&mut self, system: &System<'_>, rank: Rank, pivot: usize) {
        let (exit, right) = self.outflow(system.ranks, system.right.first(), rank);
        let inverse = self.invert(system, rank, exit);
        self.factors.inverse[pivot] = inverse;
        if !system.right.is_empty() {
            self.store(rank, 0, right.mul(inverse));
        }
    }

    /// The rate out of the block, and a right-hand side with the inflow from later blocks; zero if there is none.
    #[inline(always)]
    pub(crate) fn outflow(
        &self,
        ranks: &Ranks,
        right: Option<&RightHandSide>,
        rank: Rank,
    ) -> (S, S) {
        self.flows().outflow(ranks, right, rank)
    }

    /// One over the pivot; zero for vertices whose waiting time is infinite.
    #[inline(always)]
    fn invert(&mut self, system: &System<'_>, rank: Rank, pivot: S) -> S {
        if system.is_nonabsorbing(rank) {
            return S::ZERO;
        }
        let inverse = pivot.inverse();
        self.largest_inverse = self.largest_inverse.max(inverse);
        inverse
    }

    /// Factors of a block, and the forward substitution of the first right-hand side on the way.
    #[inline(always)]
    fn eliminate(&mut self, system: &System<'_>, view: &BlockView<'_>) {
        for begin in (0..view.size()).step_by(PANEL) {
            let rows = Span::<Position>::new(begin..view.size().min(begin + PANEL));
            let mut panel = Panel::EMPTY;
            for (i, p) in rows.iter().enumerate() {
                self.scatter(system, view, p, i, &mut panel);
            }
            let eliminated = self.factors.eliminated(view);
            for task in view.schedule.tasks(begin / PANEL) {
                eliminated.add_to(&mut self.work, &mut panel, *task);
            }
            for (i, p) in rows.iter().enumerate() {
                let inside = view.schedule.inside(p);
                // Rows of the panel are divided one after the other.
                let eliminated = self.factors.eliminated(view);
                for j in (0..i).filter(|&j| inside & 1 << j != 0) {
                    eliminated.add_row(&mut self.work, &mut panel, rows.start.plus(j), i);
                }
                self.divide(system, view, p, i, &panel);
            }
        }
    }

    /// Writes the rates of row p into the panel's row i.
    #[inline(always)]
    fn scatter(
        &mut self,
        system: &System<'_>,
        view: &BlockView<'_>,
        p: Position,
        i: usize,
        panel: &mut Panel<S>,
    ) {
        let (lower, upper) = (view.trace.lower.row(p), view.trace.upper.row(p));
        // Position p itself collects what returns to p, which is of no interest; it is never read.
        for &column in lower.iter().chain(upper) {
            self.work[column.index()][i] = S::ZERO;
        }
        let rank = view.rank(p);
        for rate in system.ranks.own(rank) {
            self.work[rate.position().index()][i] = self.rate(rate);
        }
        (panel.exit[i], panel.y[i]) = self.outflow(system.ranks, system.right.first(), rank);
    }

    /// Divides row p, the panel's row i, by its pivot, and gathers it into the factors.
    #[inline(always)]
    fn divide(
        &mut self,
        system: &System<'_>,
        view: &BlockView<'_>,
        p: Position,
        i: usize,
        panel: &Panel<S>,
    ) {
        let BlockView { trace, place, .. } = *view;
        if self.keeps_lower(system) {
            let range = trace.lower.range(p);
            let lower = place.lower + range.start..place.lower + range.end;
            let weights = self.factors.lower[lower].iter_mut();
            for (weight, &v) in weights.zip(trace.lower.row(p)) {
                *weight = self.work[v.index()][i];
            }
        }
        let later = trace.upper.row(p);
        let mut pivot = panel.exit[i];
        for &u in later {
            pivot = pivot.add(self.work[u.index()][i]);
        }
        let rank = view.rank(p);
        let inverse = self.invert(system, rank, pivot);
        let mut least = panel.least[i];
        let range = trace.upper.range(p);
        let upper = place.upper + range.start..place.upper + range.end;
        for (value, &u) in self.factors.upper[upper].iter_mut().zip(later) {
            *value = self.work[u.index()][i].mul(inverse);
            least = least.min(*value);
        }
        let exit = panel.exit[i].mul(inverse);
        if !system.is_nonabsorbing(rank) {
            self.least_factor = self.least_factor.min(least);
            // There may be no way out that avoids later rows.
            self.least_exit = self.least_exit.min_nonzero(exit);
        }
        self.factors.exit[p.index()] = exit;
        self.factors.inverse[place.pivots + p.index()] = inverse;
        self.factors.y[p.index()] = panel.y[i].mul(inverse);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use ndarray::{ArrayView1, Axis};

    use crate::phase::index::IndexVec;
    use crate::phase::numeric::factor::Factor;
    use crate::phase::numeric::flows::RightHandSide;
    use crate::phase::numeric::kernel::{Kernel, Retain, System};
    use crate::phase::numeric::lanes::{Lanes, Wide};
    use crate::phase::numeric::ranks::Ranks;
    use crate::phase::numeric::rates::rates;
    use crate::phase::{EliminationTrace, Graph, models};

    /// The bits of the solution for ones, found on the way and again with the factors.
    fn solutions<S: Lanes>(ranks: &Ranks, theta: &[f64]) -> Vec<u64> {
        let mut kernel = Kernel::<S>::new(ranks, 1, Retain::All);
        kernel.load(ranks, ArrayView1::from(theta).insert_axis(Axis(0)));
        kernel.run(&System {
            ranks,
            right: &[RightHandSide::ONES],
            nonabsorbing: None,
        });
        assert!(kernel.is_safe(0) && kernel.is_in_range(0, 0));
        let last = S::COUNT - 1;
        let bits =
            |values: &[S]| -> Vec<u64> { values.iter().map(|x| x.lane(last).to_bits()).collect() };
        let mut again = vec![S::splat(1.0); ranks.all().len()];
        kernel.solve(ranks, &mut again);
        assert_eq!(bits(&again), bits(&kernel.x));
        bits(&kernel.x)
    }

    /// The kernel's order of work differs from that of [`Factor`], row by row and entry by entry; no number may.
    #[test]
    fn panels_have_the_bits_of_plain_elimination() {
        let cases: Vec<(Graph, Vec<f64>)> = vec![
            (models::islands_sfs(8).unwrap(), vec![1.0, 0.3]),
            (models::grid_walk(13, 11).unwrap(), vec![]),
            (models::random_block(90, 4, 2).unwrap(), vec![]),
            (models::dense(31, 3).unwrap(), vec![]),
            (models::birth_death(50).unwrap(), vec![0.9, 1.1]),
            (models::block_chain(5, 14, 3, 4, 9).unwrap(), vec![]),
        ];
        for (graph, theta) in cases {
            let theta: Vec<f64> = (0..graph.param_length())
                .map(|k| theta.get(k).copied().unwrap_or(0.7 + 0.3 * k as f64))
                .collect();
            let trace = EliminationTrace::record(&graph);
            let (symbolic, ranks) = (trace.symbolic(), trace.ranks());
            let plain = Factor::new(
                symbolic,
                rates(symbolic.layout(), &graph, &theta).unwrap(),
                None,
            );
            let right = IndexVec::filled(1.0, ranks.all().len());
            let expected = ranks.by_rank(&plain.solve(symbolic, &right));
            let expected: Vec<u64> = expected.iter().map(|x| x.to_bits()).collect();
            assert_eq!(solutions::<f64>(ranks, &theta), expected);
            assert_eq!(solutions::<Wide<8>>(ranks, &theta), expected);
        }
    }
}
