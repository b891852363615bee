//! The derive macro behind `elimap::Tree`.
