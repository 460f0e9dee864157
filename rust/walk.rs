//! Lists the pictures below a folder, in a stable order.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::decode::{Format, foreign};
use crate::error::{Error, Result};
use crate::job::Job;

/// One picture to be.
pub struct Entry {
    /// Relative to the root.
    pub path: PathBuf,
    pub size: u64,
    /// Nanoseconds since 1970.
    pub modified: i64,
}

#[derive(Default)]
pub struct Walk {
    pub entries: Vec<Entry>,
    /// Folders that could not be read, relative to the root.
    pub denied: Vec<PathBuf>,
    pub skipped_hidden: usize,
    pub skipped_links: usize,
    pub skipped_other: usize,
    pub skipped_special: usize,
    /// Work directories of other runs.
    pub skipped_runs: usize,
}

pub struct Rules<'a> {
    /// Lower case, without the dot: listed whatever their content.
    pub extensions: &'a HashSet<String>,
    /// List names that begin with a dot, too.
    pub hidden: bool,
    /// A folder to leave out: the work directory.
    pub exclude: Option<&'a Path>,
}

/// Real folders first, then what symlinks lead to, so that a file reachable both ways is listed
/// once, under its own name.
pub fn walk(root: &Path, rules: &Rules<'_>, job: &Job) -> Result<Walk> {
    let excluded =
        rules.exclude.and_then(|path| fs::metadata(path).ok()).map(|metadata| identity(&metadata));
    let mut walker = Walker {
        root,
        rules,
        excluded,
        job,
        found: Walk::default(),
        links: Vec::new(),
        seen: HashSet::new(),
    };
    walker.folder(Path::new(""), true)?;
    walker.follow_links()?;
    let mut found = walker.found;
    found.entries.sort_unstable_by(|a, b| {
        a.path.as_os_str().as_encoded_bytes().cmp(b.path.as_os_str().as_encoded_bytes())
    });
    found.denied.sort_unstable();
    Ok(found)
}

/// Device and inode.
type Identity = (u64, u64);

struct Walker<'a> {
    root: &'a Path,
    rules: &'a Rules<'a>,
    /// Told by identity, so that it is recognised behind links, too.
    excluded: Option<Identity>,
    job: &'a Job,
    found: Walk,
    links: Vec<PathBuf>,
    /// Folders entered; and, once links are followed, files listed.
    seen: HashSet<Identity>,
}

impl Walker<'_> {
    fn folder(&mut self, relative: &Path, is_root: bool) -> Result<()> {
        // A stack instead of recursion: no tree is too deep.
        let mut open = vec![relative.to_path_buf()];
        while let Some(relative) = open.pop() {
            self.job.check()?;
            let absolute = self.root.join(&relative);
            let listing = fs::metadata(&absolute).and_then(|metadata| {
                let fresh = self.seen.insert(identity(&metadata));
                Ok((identity(&metadata), fresh, fs::read_dir(&absolute)?))
            });
            match listing {
                Ok((folder, _, _)) if Some(folder) == self.excluded => {}
                Ok((_, true, _)) if !relative.as_os_str().is_empty() && is_run(&absolute) => {
                    self.found.skipped_runs += 1;
                }
                Ok((_, true, entries)) => self.entries(&relative, entries, &mut open),
                Ok((_, false, _)) => self.found.skipped_links += 1,
                Err(source) if is_root && relative.as_os_str().is_empty() => {
                    return Err(Error::io(self.root, source));
                }
                Err(_) => self.found.denied.push(relative),
            }
        }
        Ok(())
    }

    fn entries(&mut self, folder: &Path, entries: fs::ReadDir, open: &mut Vec<PathBuf>) {
        for entry in entries {
            let Ok(entry) = entry else {
                // The listing broke off: what is missing cannot be named, the folder can.
                self.found.denied.push(folder.to_path_buf());
                return;
            };
            let relative = folder.join(entry.file_name());
            if !self.rules.hidden && entry.file_name().as_encoded_bytes().starts_with(b".") {
                self.found.skipped_hidden += 1;
                continue;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_symlink() => self.links.push(relative),
                Ok(kind) if kind.is_dir() => open.push(relative),
                Ok(kind) if kind.is_file() => {
                    if let Ok(metadata) = entry.metadata() {
                        self.file(relative, &metadata);
                    }
                }
                Ok(_) => self.found.skipped_special += 1,
                Err(_) => self.found.denied.push(relative),
            }
        }
    }

    fn file(&mut self, relative: PathBuf, metadata: &Metadata) {
        if self.is_picture(&relative, metadata) {
            let modified =
                metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            let modified = modified.map_or(0, |duration| duration.as_nanos() as i64);
            self.found.entries.push(Entry { path: relative, size: metadata.len(), modified });
            self.job.advance(1);
        } else {
            self.found.skipped_other += 1;
        }
    }

    /// By its name; else by its first bytes, for names that say nothing.
    fn is_picture(&self, relative: &Path, metadata: &Metadata) -> bool {
        let extension = relative.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase);
        if extension.is_some_and(|extension| self.rules.extensions.contains(&extension)) {
            return true;
        }
        let mut first = [0; 32];
        metadata.len() >= 16
            && File::open(self.root.join(relative))
                .and_then(|mut file| read_up_to(&mut file, &mut first))
                .is_ok_and(|length| {
                    let first = &first[..length];
                    Format::from_magic(first).is_some() || foreign(first, None)
                })
    }

    fn follow_links(&mut self) -> Result<()> {
        if !self.links.is_empty() {
            let root = self.root;
            let listed = self
                .found
                .entries
                .iter()
                .filter_map(|entry| fs::metadata(root.join(&entry.path)).ok());
            self.seen.extend(listed.map(|metadata| identity(&metadata)));
        }
        // Sorted, so that of two links to one file the same one is listed every time. Folders
        // behind links may hold further links.
        while !self.links.is_empty() {
            let mut links = std::mem::take(&mut self.links);
            links.sort_unstable();
            for link in links {
                self.job.check()?;
                self.link(link)?;
            }
        }
        Ok(())
    }

    fn link(&mut self, link: PathBuf) -> Result<()> {
        match fs::metadata(self.root.join(&link)) {
            Ok(metadata) if metadata.is_dir() => {
                let target = identity(&metadata);
                if Some(target) == self.excluded || self.seen.contains(&target) {
                    self.found.skipped_links += 1;
                    return Ok(());
                }
                let before = self.found.entries.len();
                self.folder(&link, false)?;
                let listed = self.found.entries.split_off(before);
                for entry in listed {
                    self.keep_if_new(entry);
                }
            }
            Ok(metadata) if metadata.is_file() && self.seen.insert(identity(&metadata)) => {
                self.file(link, &metadata);
            }
            Ok(metadata) if !metadata.is_file() => self.found.skipped_special += 1,
            Ok(_) | Err(_) => self.found.skipped_links += 1,
        }
        Ok(())
    }

    fn keep_if_new(&mut self, entry: Entry) {
        match fs::metadata(self.root.join(&entry.path)) {
            Ok(metadata) if !self.seen.insert(identity(&metadata)) => self.found.skipped_links += 1,
            _ => self.found.entries.push(entry),
        }
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

/// The work directory of a run: its thumbnails are no pictures of the collection.
fn is_run(folder: &Path) -> bool {
    folder.join("run.json").is_file() && folder.join("shards").is_dir()
}

fn read_up_to(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}
