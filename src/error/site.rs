//! Whose line an error names: the caller's of a function that is written with other operations, not the library's own.

use std::cell::Cell;
use std::panic::Location;

thread_local! {
    static SITE: Cell<Option<&'static Location<'static>>> = const { Cell::new(None) };
}

/// Puts back what was there before, also on a panic.
struct Restore(Option<&'static Location<'static>>);

impl Drop for Restore {
    fn drop(&mut self) {
        SITE.set(self.0);
    }
}

/// Runs `f`, whose operations are recorded and refused in the name of `site`; the outermost call wins.
pub(crate) fn within<R>(site: &'static Location<'static>, f: impl FnOnce() -> R) -> R {
    let _restore = Restore(SITE.get());
    SITE.set(Some(SITE.get().unwrap_or(site)));
    f()
}

/// Runs a function of the user's, whose operations have lines of their own.
pub(crate) fn outside<R>(f: impl FnOnce() -> R) -> R {
    let _restore = Restore(SITE.take());
    f()
}

/// The line to name for an operation called at `location`.
pub(crate) fn site(location: &'static Location<'static>) -> &'static Location<'static> {
    SITE.get().unwrap_or(location)
}
