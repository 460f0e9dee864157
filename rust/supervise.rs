//! The one door through which every long job goes.
//!
//! The job runs on a thread of its own; the calling thread sleeps without the GIL, wakes every
//! 50 ms to report progress and to look for signals, and asks the job to stop when either says
//! so. Python delivers signals to its main thread only: a job started from another thread is not
//! interrupted by Ctrl-C.

use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, bounded};
use pyo3::prelude::*;

use crate::error::{Error, Result};
use crate::job::Job;
use crate::python::to_python;

const TICK: Duration = Duration::from_millis(50);

/// Runs `work`; raises what `progress` or a signal handler raised, else what `work` failed with.
pub fn supervise<T: Send>(
    py: Python<'_>,
    progress: Option<&Bound<'_, PyAny>>,
    job: &Job,
    work: impl FnOnce(&Job) -> Result<T> + Send,
) -> PyResult<T> {
    std::thread::scope(|scope| {
        let (finished, wait) = bounded::<()>(0);
        let thread = scope.spawn(move || {
            // Dropped at the end, also by a panic: that is what the waiting thread sees.
            let _finished = finished;
            work(job)
        });
        let mut interruption = None;
        loop {
            let woken = py.detach(|| wait.recv_timeout(TICK));
            if interruption.is_none()
                && let Err(error) = report(py, progress, job).and_then(|()| py.check_signals())
            {
                job.stop();
                interruption = Some(error);
            }
            if woken == Err(RecvTimeoutError::Disconnected) {
                break;
            }
        }
        let outcome = thread.join().unwrap_or_else(|_| {
            Err(Error::model("a worker thread panicked; this is a bug in Pixsieve"))
        });
        match interruption {
            Some(error) => Err(error),
            None => outcome.map_err(to_python),
        }
    })
}

fn report(py: Python<'_>, progress: Option<&Bound<'_, PyAny>>, job: &Job) -> PyResult<()> {
    match progress {
        Some(progress) => progress.call1((job.done(), job.total())).map(drop),
        None => py.check_signals(),
    }
}
