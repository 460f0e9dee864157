//! Reads files ahead of the workers, within a budget of bytes.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use crate::decode::{Code, Failure, Limits};
use crate::job::Job;

/// Bytes that may be read ahead, all files together; one larger file may pass alone.
const BUDGET: usize = 96 << 20;

/// A file's bytes, or why there are none.
pub struct Loaded<'a> {
    pub index: usize,
    pub bytes: Result<Vec<u8>, Failure>,
    pub seconds: f64,
    _permit: Permit<'a>,
}

/// The paths still to be read, shared by all readers.
pub struct Queue<'a> {
    paths: &'a [PathBuf],
    limits: Limits,
    next: AtomicUsize,
    held: Mutex<usize>,
    freed: Condvar,
}

impl<'a> Queue<'a> {
    pub fn new(paths: &'a [PathBuf], limits: Limits) -> Self {
        Self {
            paths,
            limits,
            next: AtomicUsize::new(0),
            held: Mutex::new(0),
            freed: Condvar::new(),
        }
    }

    /// Reads until all is read, the job is stopped or nobody listens any more.
    pub fn feed<'q>(&'q self, sender: &Sender<Loaded<'q>>, job: &Job) {
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = self.paths.get(index) else { return };
            let size = std::fs::metadata(path).map_or(0, |metadata| metadata.len() as usize);
            let Some(permit) = self.permit(size, job) else { return };
            let started = Instant::now();
            let bytes = read(path, self.limits);
            let seconds = started.elapsed().as_secs_f64();
            if sender.send(Loaded { index, bytes, seconds, _permit: permit }).is_err() {
                return;
            }
        }
    }

    fn permit(&self, size: usize, job: &Job) -> Option<Permit<'_>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        while *held > 0 && *held + size > BUDGET {
            if job.is_stopped() {
                return None;
            }
            let waited = self.freed.wait_timeout(held, Duration::from_millis(50));
            held = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if job.is_stopped() {
            return None;
        }
        *held += size;
        Some(Permit { held: &self.held, freed: &self.freed, size })
    }
}

struct Permit<'a> {
    held: &'a Mutex<usize>,
    freed: &'a Condvar,
    size: usize,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) -= self.size;
        self.freed.notify_all();
    }
}

/// The whole file; never waits on a FIFO or a socket.
pub fn read(path: &Path, limits: Limits) -> Result<Vec<u8>, Failure> {
    let mut file = open(path).map_err(|error| failure(&error))?;
    let metadata = file.metadata().map_err(|error| failure(&error))?;
    if !metadata.is_file() {
        let what = if metadata.is_dir() { "a folder" } else { "a FIFO, socket or device" };
        return Err(Failure::new(Code::UnknownFormat, format!("{what}, not a file")));
    }
    // The file is in memory together with its picture.
    let most = limits.most_bytes();
    if metadata.len() > most {
        let detail = format!("{} bytes: more than {most}", metadata.len());
        return Err(Failure::new(Code::TooLarge, detail));
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    file.by_ref().take(most).read_to_end(&mut bytes).map_err(|error| failure(&error))?;
    Ok(bytes)
}

#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}

fn failure(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            Failure::new(Code::MissingFile, "no such file")
        }
        io::ErrorKind::PermissionDenied => {
            Failure::new(Code::PermissionDenied, "no permission to read the file")
        }
        // A socket cannot be opened at all.
        _ if error.raw_os_error() == Some(libc::ENXIO) => {
            Failure::new(Code::UnknownFormat, "a FIFO, socket or device, not a file")
        }
        _ => Failure::new(Code::MissingFile, format!("cannot be read: {error}")),
    }
}
