//! The threads that parallel work is spread over.

use std::sync::OnceLock;

use rayon::ThreadPoolBuilder;

/// Makes sure that parallel work can run on the calling thread: where the system grants no threads, as under a limit on
/// processes, the calling thread does it all by itself from now on. In a rayon pool, or where rayon's global pool can be
/// made, nothing changes.
///
/// Everything in this crate that runs in parallel calls this first. Programs that use rayon themselves may call it early,
/// since rayon's global pool panics where it cannot be made.
///
/// ```
/// elimap::prepare_threads();
/// assert!(rayon::current_num_threads() >= 1);
/// ```
pub fn prepare_threads() {
    static GRANTED: OnceLock<bool> = OnceLock::new();
    if rayon::current_thread_index().is_some() {
        return;
    }
    // rayon tries to make its global pool once and panics ever after where that failed, so another pool is tried before.
    if !*GRANTED.get_or_init(|| ThreadPoolBuilder::new().build().is_ok()) {
        keep_to_this_thread();
    }
}

/// Makes the calling thread the only one of a pool of its own. A global pool of one thread would not do: other threads would
/// wait for this one to work for them.
fn keep_to_this_thread() {
    // An error here says that the thread is in a pool already.
    if let Ok(pool) = ThreadPoolBuilder::new()
        .num_threads(1)
        .use_current_thread()
        .build()
    {
        // The thread stays in the pool, which must not end before it.
        std::mem::forget(pool);
    }
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
            keep_to_this_thread();
            // Again, as every parallel loop does.
            keep_to_this_thread();
            prepare_threads();
            let here = std::thread::current().id();
            let squares = (0..1000_u64).into_par_iter().map(|x| {
                assert_eq!(std::thread::current().id(), here);
                x * x
            });
            squares.sum::<u64>()
        };
        // Each thread by itself: the first has ended and the other two work at once.
        assert_eq!(std::thread::spawn(work).join().unwrap(), 332_833_500);
        let threads = [std::thread::spawn(work), std::thread::spawn(work)];
        for thread in threads {
            assert_eq!(thread.join().unwrap(), 332_833_500);
        }
    }
}
