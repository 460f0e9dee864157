//! Loads ONNX Runtime from the library of the `onnxruntime` wheel, once per process.

use std::ffi::{CStr, c_char};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use libloading::Library;
use ort::environment::Environment;

use crate::error::{Error, Result};

/// Older ones crash when the process ends.
const OLDEST: u32 = 23;

struct Loaded {
    path: PathBuf,
    environment: Environment,
    /// Never unloaded: ONNX Runtime does not survive it.
    _library: &'static Library,
}

static LOADED: Mutex<Option<Loaded>> = Mutex::new(None);

/// The environment of the library at `path`. A process has one: another path later is an error.
pub fn environment(path: &Path) -> Result<Environment> {
    let mut loaded =
        LOADED.lock().map_err(|_| Error::model("loading ONNX Runtime failed before"))?;
    if let Some(loaded) = loaded.as_ref() {
        if loaded.path != path {
            return Err(Error::model(format!(
                "ONNX Runtime is already loaded from {}; restart Python to use {}",
                loaded.path.display(),
                path.display()
            )));
        }
        return Ok(loaded.environment.clone());
    }
    // ort must not see a library that is not one: after a failed attempt it aborts the process.
    let library = probe(path)?;
    let environment = ort::init_from(path)
        .map_err(|error| Error::model(format!("{}: {error}", path.display())))?
        .with_name("pixsieve")
        .with_telemetry(false)
        .build()
        .map_err(|error| Error::model(format!("{}: {error}", path.display())))?;
    environment.set_log_level(ort::logging::LogLevel::Error);
    *loaded = Some(Loaded {
        path: path.to_path_buf(),
        environment: environment.clone(),
        _library: Box::leak(Box::new(library)),
    });
    Ok(environment)
}

#[repr(C)]
struct ApiBase {
    _get_api: unsafe extern "system" fn(u32) -> *const std::ffi::c_void,
    get_version_string: unsafe extern "system" fn() -> *const c_char,
}

/// Opens the library and reads its version without the help of `ort`.
#[allow(unsafe_code)]
fn probe(path: &Path) -> Result<Library> {
    let wrong =
        |why: String| Error::model(format!("{} is not ONNX Runtime: {why}", path.display()));
    // SAFETY: loading runs the library's initialisers; the caller names a file of the
    // `onnxruntime` package, or one that the user has chosen to trust.
    let library = unsafe { Library::new(path) }.map_err(|error| wrong(error.to_string()))?;
    let version = {
        // SAFETY: this is the documented signature of the one function that every ONNX Runtime
        // exports, and its struct begins with these two members in every version.
        let base = unsafe {
            let entry = library
                .get::<unsafe extern "system" fn() -> *const ApiBase>(b"OrtGetApiBase")
                .map_err(|error| wrong(error.to_string()))?;
            entry()
        };
        if base.is_null() {
            return Err(wrong("it has no interface".into()));
        }
        // SAFETY: not null, and the returned string is static and ends with a zero byte.
        unsafe { CStr::from_ptr(((*base).get_version_string)()) }.to_string_lossy().into_owned()
    };
    let minor = version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
    match minor {
        Some(minor) if minor >= OLDEST => Ok(library),
        _ => Err(Error::model(format!(
            "ONNX Runtime {version} at {} is too old: 1.{OLDEST} or newer is needed",
            path.display()
        ))),
    }
}
