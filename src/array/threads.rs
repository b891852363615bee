//! The threads that parallel work is spread over.

use std::sync::OnceLock;

use rayon::ThreadPoolBuilder;

/// Makes rayon's global thread pool ready where nobody has made it yet. Where the system grants no threads, as under a limit
/// on processes, the calling thread does all the work by itself.
///
/// Everything in this crate that runs in parallel calls this first; a program may call it early, or make the global pool
/// itself.
///
/// ```
/// elimap::prepare_threads();
/// assert!(rayon::current_num_threads() >= 1);
/// ```
pub fn prepare_threads() {
    static READY: OnceLock<()> = OnceLock::new();
    READY.get_or_init(|| {
        // rayon tries to make its global pool once, and panics ever after where that failed.
        if ThreadPoolBuilder::new().build().is_err() {
            // An error here says that there is a global pool already, which is all that is wanted.
            let _ = alone().build_global();
        }
    });
}

/// A pool without threads of its own.
fn alone() -> ThreadPoolBuilder {
    ThreadPoolBuilder::new().num_threads(1).use_current_thread()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rayon::prelude::*;
    use rayon::{ThreadPool, ThreadPoolBuildError};

    use super::*;

    /// What building a pool comes to where no thread can be made.
    fn refused() -> Result<ThreadPool, ThreadPoolBuildError> {
        ThreadPoolBuilder::new()
            .spawn_handler(|_| Err(std::io::Error::from(std::io::ErrorKind::WouldBlock)))
            .build()
    }

    #[test]
    fn the_calling_thread_does_all_the_work_where_there_is_no_other() {
        assert!(refused().is_err());
        let work = || {
            let pool = alone().build().unwrap();
            pool.install(|| (0..1000_u64).into_par_iter().map(|x| x * x).sum::<u64>())
        };
        assert_eq!(std::thread::spawn(work).join().unwrap(), 332_833_500);
    }
}
