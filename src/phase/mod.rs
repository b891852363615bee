//! Exact elimination of phase-type models.
