//! Bytes that run out of time.

use std::io::{self, BufRead, Cursor, Read, Seek, SeekFrom};
use std::time::{Duration, Instant};

use crate::job::Job;

/// No honest picture within the limits takes longer.
const DEADLINE: Duration = Duration::from_secs(20);
/// So much is handed out before the clock is looked at again.
const PIECE: usize = 64 << 10;

/// Ends a decoder that would read for ever: past the deadline, or when the job is stopped, every
/// read fails.
pub struct Source<'a, B> {
    inner: Cursor<B>,
    started: Instant,
    job: &'a Job,
}

impl<'a, B: AsRef<[u8]>> Source<'a, B> {
    pub fn new(bytes: B, job: &'a Job) -> Self {
        Self { inner: Cursor::new(bytes), started: Instant::now(), job }
    }

    fn check(&self) -> io::Result<()> {
        if self.job.is_stopped() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the job was stopped"));
        }
        if self.started.elapsed() > DEADLINE {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "decoding took over 20 s"));
        }
        Ok(())
    }
}

impl<B: AsRef<[u8]>> Read for Source<'_, B> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.check()?;
        self.inner.read(buffer)
    }
}

impl<B: AsRef<[u8]>> BufRead for Source<'_, B> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.check()?;
        let rest = self.inner.fill_buf()?;
        Ok(&rest[..rest.len().min(PIECE)])
    }

    fn consume(&mut self, amount: usize) {
        self.inner.consume(amount);
    }
}

impl<B: AsRef<[u8]>> Seek for Source<'_, B> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.check()?;
        self.inner.seek(position)
    }
}
