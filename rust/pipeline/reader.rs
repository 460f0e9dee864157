//! Reads files ahead of the workers, within a budget of bytes.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crossbeam_channel::Sender;

use super::exchange::{Content, Delivery, Exchange};
use super::inputs::{Inputs, Place};
use super::zip;
use crate::decode::{Code, Failure, Limits};
use crate::job::Job;

/// The pictures still to be read, shared by all readers.
pub struct Queue<'a> {
    inputs: &'a Inputs,
    exchange: &'a Exchange,
    limits: Limits,
    next: AtomicUsize,
}

impl<'a> Queue<'a> {
    pub fn new(inputs: &'a Inputs, exchange: &'a Exchange, limits: Limits) -> Self {
        Self { inputs, exchange, limits, next: AtomicUsize::new(0) }
    }

    /// Reads until all is read, the job is stopped or nobody listens any more.
    pub fn feed(&self, sender: &Sender<Delivery>) {
        // Members of one archive follow each other: it stays open.
        let mut archive = Archive::default();
        loop {
            let picture = self.next.fetch_add(1, Ordering::Relaxed);
            if picture >= self.inputs.pictures() {
                return;
            }
            let (file, place) = (self.inputs.file(picture), self.inputs.place(picture));
            if matches!(place, Place::Brought) {
                continue;
            }
            let held = bytes_held(file, place, self.limits);
            let Some(permit) = self.exchange.budget().wait(held) else { return };
            let started = Instant::now();
            let bytes = match place {
                Place::File | Place::Brought => read(file, self.limits),
                _ => archive.read(file, place, self.limits),
            };
            let delivery = Delivery {
                picture,
                content: bytes.map(Content::Encoded),
                permit: Some(permit),
                seconds: started.elapsed().as_secs_f64(),
            };
            if sender.send(delivery).is_err() {
                return;
            }
        }
    }
}

/// So many it takes to read it; none where it is refused.
fn bytes_held(file: &Path, place: Place, limits: Limits) -> usize {
    let (size, packed) = match place {
        Place::Brought => (0, 0),
        Place::File => (std::fs::metadata(file).map_or(0, |metadata| metadata.len()), 0),
        Place::Member { stored, .. } => (stored, 0),
        Place::Zipped { stored, size, .. } => (size, stored),
    };
    if check_size(size.max(packed), limits).is_ok() {
        size.saturating_add(packed) as usize
    } else {
        0
    }
}

/// Passes on what others bring, until all has come.
pub fn forward(inputs: &Inputs, exchange: &Exchange, sender: &Sender<Delivery>, job: &Job) {
    for _ in 0..inputs.brought() {
        let Some(delivery) = exchange.next(job) else { return };
        if sender.send(delivery).is_err() {
            return;
        }
    }
}

/// The file that was read from last.
#[derive(Default)]
struct Archive {
    open: Option<(std::path::PathBuf, File)>,
}

impl Archive {
    fn read(&mut self, path: &Path, place: Place, limits: Limits) -> Result<Vec<u8>, Failure> {
        if self.open.as_ref().is_none_or(|(held, _)| held != path) {
            self.open = None;
            let file = open(path).map_err(|error| failure(&error))?;
            self.open = Some((path.to_path_buf(), file));
        }
        let (_, file) = self.open.as_mut().expect("it was opened");
        match place {
            Place::Zipped { offset, stored, size, check } => {
                check_size(size.max(stored), limits)?;
                zip::read(file, offset, stored, size, check)
            }
            Place::Member { offset, stored } => {
                check_size(stored, limits)?;
                let bytes = read_at(file, offset, stored).map_err(|error| failure(&error))?;
                if (bytes.len() as u64) < stored {
                    let detail =
                        format!("the archive ends after {} of {stored} bytes", bytes.len());
                    return if bytes.is_empty() {
                        Err(Failure::new(Code::Truncated, detail))
                    } else {
                        Ok(bytes)
                    };
                }
                Ok(bytes)
            }
            Place::File | Place::Brought => unreachable!("only members are read from archives"),
        }
    }
}

/// Up to `length` bytes from `offset` on; fewer where the file ends.
pub fn read_at(file: &mut File, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(offset))?;
    let rest = file.metadata()?.len().saturating_sub(offset);
    let mut bytes = Vec::with_capacity(length.min(rest) as usize);
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn check_size(size: u64, limits: Limits) -> Result<(), Failure> {
    // The file is in memory together with its picture.
    let most = limits.most_bytes();
    if size > most {
        let detail = format!("{size} bytes: more than {most}");
        return Err(Failure::new(Code::TooLarge, detail));
    }
    Ok(())
}

/// The whole file; never waits on a FIFO or a socket.
pub fn read(path: &Path, limits: Limits) -> Result<Vec<u8>, Failure> {
    let mut file = open(path).map_err(|error| failure(&error))?;
    let metadata = file.metadata().map_err(|error| failure(&error))?;
    if !metadata.is_file() {
        let what = if metadata.is_dir() { "a folder" } else { "a FIFO, socket or device" };
        return Err(Failure::new(Code::UnknownFormat, format!("{what}, not a file")));
    }
    check_size(metadata.len(), limits)?;
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    file.by_ref()
        .take(limits.most_bytes())
        .read_to_end(&mut bytes)
        .map_err(|error| failure(&error))?;
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

pub fn failure(error: &io::Error) -> Failure {
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
