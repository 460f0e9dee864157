//! A decoder that panics on a hostile file costs that file, and prints nothing.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use super::{Code, Decoded, Failure};

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `decode`; a panic inside becomes `corrupt`.
pub fn catch(decode: impl FnOnce() -> Result<Decoded, Failure>) -> Result<Decoded, Failure> {
    install();
    QUIET.set(true);
    // The decoders rebuild their state at the start of every picture, so nothing half-changed is
    // looked at after a panic.
    let outcome = catch_unwind(AssertUnwindSafe(decode));
    QUIET.set(false);
    outcome.unwrap_or_else(|_| {
        Err(Failure::new(Code::Corrupt, "the decoder gave up on this file (internal panic)"))
    })
}

/// Panics of other threads and other code still reach the hook that was there before.
fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = take_hook();
        set_hook(Box::new(move |info| {
            if !QUIET.get() {
                previous(info);
            }
        }));
    });
}
