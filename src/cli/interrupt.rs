//! Ctrl-C: the first one asks the run to stop at the next record, the second ends the program.

use std::sync::atomic::{AtomicBool, Ordering};

static STOP: AtomicBool = AtomicBool::new(false);

/// The flag that runs look at.
pub fn flag() -> &'static AtomicBool {
    &STOP
}

/// Installs the handler. What was committed before a second Ctrl-C is kept as well.
pub fn install() {
    let handled = ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    // Without a handler the default applies: the program ends, the workspace keeps its last commit.
    drop(handled);
}
