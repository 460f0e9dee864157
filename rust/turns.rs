//! Work handed out in turns to the threads of a job.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::Result;
use crate::job::Job;

/// Runs `work` for each of `turns` on the threads of the job, in order of start.
///
/// Each thread has a `State` of its own. The first error ends all; so does a stop.
pub fn in_turns<State>(
    job: &Job,
    turns: usize,
    state: impl Fn() -> State + Sync,
    work: impl Fn(&mut State, usize) -> Result<()> + Sync,
) -> Result<()> {
    let next = AtomicUsize::new(0);
    let run = || -> Result<()> {
        let mut state = state();
        loop {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            if turn >= turns {
                return Ok(());
            }
            job.check()?;
            work(&mut state, turn)?;
        }
    };
    std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..job.threads().min(turns)).map(|_| scope.spawn(run)).collect();
        let own = run();
        // A panic of a helper goes on in the caller.
        let joined = helpers.into_iter().map(|helper| match helper.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.fold(own, Result::and)
    })
}

#[cfg(test)]
mod tests {
    use super::in_turns;
    use crate::error::Error;
    use crate::job::Job;

    #[test]
    fn a_stopped_job_stops() {
        let job = Job::new(0, 3);
        let result = in_turns(
            &job,
            100,
            || (),
            |(), turn| {
                if turn == 5 {
                    job.stop();
                }
                Ok(())
            },
        );
        assert!(matches!(result, Err(Error::Stopped)));
    }
}
