//! What tests do to the disk of their own thread: one that fills up, syncs that are left out, and a
//! look at what lies there at every step, as after a kill at that moment. Nothing of it is in the program.

use std::cell::{Cell, RefCell};
use std::io;
use std::path::Path;

thread_local! {
    /// Bytes that may still be written; `None` is a disk without end.
    pub static ROOM: Cell<Option<usize>> = const { Cell::new(None) };
    /// Whether syncs are left out (they cost milliseconds; tests open workspaces thousands of times).
    pub static UNSYNCED: Cell<bool> = const { Cell::new(false) };
    /// What was done to which file, in order.
    pub static TRACE: RefCell<Vec<(&'static str, String)>> = const { RefCell::new(Vec::new()) };
    /// Raw bytes after which gather commits, instead of many.
    pub static COMMIT: Cell<Option<u64>> = const { Cell::new(None) };
    static WATCH: RefCell<Option<Watch>> = const { RefCell::new(None) };
}

type Watch = Box<dyn FnMut()>;

/// File name, for the trace.
pub fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// What of `bytes` still fits, and how the write ends.
pub fn write<'a>(name: &str, bytes: &'a [u8]) -> (&'a [u8], io::Result<()>) {
    TRACE.with_borrow_mut(|trace| trace.push(("write", name.to_owned())));
    match ROOM.get() {
        Some(room) if room < bytes.len() => {
            ROOM.set(Some(0));
            (&bytes[..room], Err(io::Error::from(io::ErrorKind::StorageFull)))
        }
        room => {
            ROOM.set(room.map(|room| room - bytes.len()));
            (bytes, Ok(()))
        }
    }
}

/// Whether a sync is left out.
pub fn sync(name: &str) -> bool {
    TRACE.with_borrow_mut(|trace| trace.push(("sync", name.to_owned())));
    step();
    UNSYNCED.get()
}

/// Something happens to the disk next: whoever watches looks at it as it is now.
pub fn step() {
    let Some(mut watch) = WATCH.take() else { return };
    watch();
    WATCH.set(Some(watch));
}

/// Whether somebody watches: then a write is done in two halves, with a look in between.
pub fn is_watched() -> bool {
    WATCH.with_borrow(Option::is_some)
}

/// Calls `watch` before every step while `work` runs on this thread.
pub fn watched<T>(watch: impl FnMut() + 'static, work: impl FnOnce() -> T) -> T {
    WATCH.set(Some(Box::new(watch)));
    let done = work();
    WATCH.set(None);
    done
}

/// Runs `work` on a disk that takes so many bytes more.
pub fn with_room<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    ROOM.set(Some(bytes));
    let done = work();
    ROOM.set(None);
    done
}
