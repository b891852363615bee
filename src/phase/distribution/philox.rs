//! Random numbers by counting: block b of sample i is a function of the seed, i and b alone, so samples can be drawn in any
//! order, by any number of threads.
//!
//! The function is Philox 4x32-10 of Salmon, Moraes, Dror and Shaw (2011, *Parallel random numbers: as easy as 1, 2, 3*).

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let [a, b] = [
            u64::from(MULTIPLIERS[0]) * u64::from(counter[0]),
            u64::from(MULTIPLIERS[1]) * u64::from(counter[2]),
        ];
        counter = [
            (b >> 32) as u32 ^ counter[1] ^ key[0],
            b as u32,
            (a >> 32) as u32 ^ counter[3] ^ key[1],
            a as u32,
        ];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

/// The numbers of one sample, in order.
pub(crate) struct Draws {
    key: [u32; 2],
    sample: u64,
    block: u64,
    spare: Option<u64>,
}

impl Draws {
    pub(crate) fn new(seed: u64, sample: u64) -> Self {
        Self {
            key: [seed as u32, (seed >> 32) as u32],
            sample,
            block: 0,
            spare: None,
        }
    }

    /// The next 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        if let Some(bits) = self.spare.take() {
            return bits;
        }
        let (sample, block) = (self.sample, self.block);
        let words = [block, block >> 32, sample, sample >> 32].map(|word| word as u32);
        let [a, b, c, d] = philox(words, self.key).map(u64::from);
        self.block += 1;
        self.spare = Some(c << 32 | d);
        a << 32 | b
    }

    /// A number of (0, 1], with 53 bits.
    pub(crate) fn positive(&mut self) -> f64 {
        ((self.bits() >> 11) + 1) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// An exponential time with mean 1.
    pub(crate) fn exponential(&mut self) -> f64 {
        -self.positive().ln()
    }

    /// How many trials it takes until one succeeds, each failing with this probability.
    pub(crate) fn trials(&mut self, failure: f64) -> f64 {
        match failure > 0.0 {
            true => 1.0 + (self.positive().ln() / failure.ln()).floor(),
            false => 1.0,
        }
    }
}

/// Finite distributions side by side, each drawn from in constant time (Walker 1977; set up as by Vose 1991).
#[derive(Debug, Default)]
pub(crate) struct AliasTables {
    /// Where each distribution's entries begin, and the end.
    first: Vec<usize>,
    /// The share of an entry that is its own, its own outcome, and the outcome of the rest.
    entries: Vec<(f64, u32, u32)>,
}

impl AliasTables {
    pub(crate) fn new() -> Self {
        Self {
            first: vec![0],
            entries: Vec::new(),
        }
    }

    /// Adds the distribution of outcomes with weights, of which one at least is positive.
    pub(crate) fn push(&mut self, outcomes: &[(u32, f64)]) {
        let total: f64 = outcomes.iter().map(|(_, weight)| weight).sum();
        let count = outcomes.len() as f64;
        let mut shares: Vec<f64> = outcomes
            .iter()
            .map(|(_, weight)| weight / total * count)
            .collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..outcomes.len()).partition(|&place| shares[place] < 1.0);
        let begin = self.entries.len();
        self.entries
            .extend(outcomes.iter().map(|&(outcome, _)| (1.0, outcome, outcome)));
        while let (Some(&less), Some(&more)) = (small.last(), large.last()) {
            small.pop();
            self.entries[begin + less] = (shares[less], outcomes[less].0, outcomes[more].0);
            shares[more] -= 1.0 - shares[less];
            if shares[more] < 1.0 {
                large.pop();
                small.push(more);
            }
        }
        self.first.push(self.entries.len());
    }

    /// An outcome of a distribution.
    pub(crate) fn draw(&self, distribution: usize, draws: &mut Draws) -> u32 {
        let entries = &self.entries[self.first[distribution]..self.first[distribution + 1]];
        let wide = u128::from(draws.bits()) * entries.len() as u128;
        let (share, own, other) = entries[(wide >> 64) as usize];
        let rest = (wide as u64 >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0);
        if rest < share { own } else { other }
    }
}

#[cfg(test)]
mod tests {
    use super::{AliasTables, Draws, philox};

    #[test]
    fn philox_has_the_published_test_vectors() {
        assert_eq!(
            philox([0; 4], [0; 2]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox(
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn alias_tables_draw_outcomes_by_their_weights() {
        let mut tables = AliasTables::new();
        let weights = [(7, 1.0), (3, 5.0), (4, 0.5), (9, 3.5)];
        tables.push(&[(1, 2.0)]);
        tables.push(&weights);
        let mut counts = [0; 10];
        for sample in 0..100_000 {
            let mut draws = Draws::new(5, sample);
            assert_eq!(tables.draw(0, &mut draws), 1);
            counts[tables.draw(1, &mut draws) as usize] += 1;
        }
        for (outcome, weight) in weights {
            let expected = weight / 10.0 * 1e5;
            let off = f64::from(counts[outcome as usize]) - expected;
            assert!(off.abs() < 5.0 * f64::sqrt(expected), "{outcome}: {off}");
        }
    }
}
