//! Work done by several threads, results taken in order: the bundle is the same for any number of workers.

use crate::error::{self, Error, Result};
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::ScopedJoinHandle;

struct State<T> {
    /// Next task to start.
    next: usize,
    /// Next result to take.
    out: usize,
    ready: BTreeMap<usize, Result<T>>,
    stopped: bool,
}

/// Runs `work(0) … work(tasks - 1)` on `workers` threads and hands each result to `take` on the
/// calling thread, in order. No task starts more than `workers + 1` ahead of the one being taken, so
/// that finished results do not pile up. The first error, in order of tasks, ends everything.
pub fn ordered<T: Send>(
    tasks: usize,
    workers: usize,
    work: impl Fn(usize) -> Result<T> + Sync,
    mut take: impl FnMut(usize, T) -> Result<()>,
) -> Result<()> {
    let workers = workers.clamp(1, tasks.max(1));
    let state = Mutex::new(State { next: 0, out: 0, ready: BTreeMap::new(), stopped: false });
    let changed = Condvar::new();
    let lock = || -> MutexGuard<'_, State<T>> { state.lock().unwrap_or_else(PoisonError::into_inner) };
    std::thread::scope(|scope| {
        let mut threads = Vec::with_capacity(workers);
        for _ in 0..workers {
            threads.push(scope.spawn(|| {
                // A panicking worker must not leave the others and the taker waiting.
                let _wake = OnPanic(|| {
                    lock().stopped = true;
                    changed.notify_all();
                });
                loop {
                    let task = {
                        let mut now = lock();
                        while !now.stopped && now.next < tasks && now.next > now.out + workers {
                            now = changed.wait(now).unwrap_or_else(PoisonError::into_inner);
                        }
                        if now.stopped || now.next >= tasks {
                            return;
                        }
                        now.next += 1;
                        now.next - 1
                    };
                    let result = work(task);
                    lock().ready.insert(task, result);
                    changed.notify_all();
                }
            }));
        }
        let _wake = OnPanic(|| {
            lock().stopped = true;
            changed.notify_all();
        });
        let taken = (|| {
            for task in 0..tasks {
                let result = {
                    let mut now = lock();
                    loop {
                        if let Some(result) = now.ready.remove(&task) {
                            break result;
                        }
                        if now.stopped {
                            return Err(Error::new(error::Kind::Internal, "a worker stopped unexpectedly"));
                        }
                        now = changed.wait(now).unwrap_or_else(PoisonError::into_inner);
                    }
                };
                take(task, result?)?;
                lock().out = task + 1;
                changed.notify_all();
            }
            Ok(())
        })();
        lock().stopped = true;
        changed.notify_all();
        threads.into_iter().for_each(ended);
        taken
    })
}

/// Runs `work` on a thread of its own and waits for it: it finds the memory that workers before it have left,
/// where the calling thread would ask the system for more.
pub fn aside<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| ended(scope.spawn(work)))
}

/// Waits until a thread is gone. The end of a scope waits for the end of its work only: a thread that is
/// started right behind it would find the memory of this one still taken, and begin a pool of its own.
fn ended<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

struct OnPanic<F: Fn()>(F);

impl<F: Fn()> Drop for OnPanic<F> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            (self.0)();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn results_come_in_order_for_any_number_of_workers() {
        for workers in [1, 2, 7] {
            let mut got = Vec::new();
            ordered(
                100,
                workers,
                |task| {
                    if task % 7 == 0 {
                        std::thread::yield_now();
                    }
                    Ok(task * 2)
                },
                |task, value| {
                    assert_eq!(value, task * 2);
                    got.push(task);
                    Ok(())
                },
            )
            .unwrap();
            assert_eq!(got, (0..100).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_first_error_in_order_wins_and_ends_the_work() {
        let taken = Mutex::new(0);
        let error = ordered(
            50,
            4,
            |task| if task >= 10 { Err(Error::usage(format!("task {task}"))) } else { Ok(()) },
            |_, ()| {
                *taken.lock().unwrap() += 1;
                Ok(())
            },
        )
        .unwrap_err();
        assert_eq!(error.message(), "task 10");
        assert_eq!(*taken.lock().unwrap(), 10);
    }

    /// A thread that still ends while the next one starts holds its memory, and the next one asks for more.
    #[test]
    fn no_worker_outlives_its_work() {
        static BEGUN: AtomicUsize = AtomicUsize::new(0);
        static GONE: AtomicUsize = AtomicUsize::new(0);
        struct Slow;
        impl Drop for Slow {
            fn drop(&mut self) {
                std::thread::sleep(std::time::Duration::from_millis(50));
                GONE.fetch_add(1, Ordering::SeqCst);
            }
        }
        // What belongs to a thread is dropped at its very end, behind all its work.
        thread_local!(static HELD: Slow = {
            BEGUN.fetch_add(1, Ordering::SeqCst);
            Slow
        });
        let check = || assert_eq!(GONE.load(Ordering::SeqCst), BEGUN.load(Ordering::SeqCst));
        ordered(4, 4, |_| HELD.with(|_| Ok(())), |_, ()| Ok(())).unwrap();
        check();
        aside(|| HELD.with(|_| ()));
        check();
        assert!(BEGUN.load(Ordering::SeqCst) > 1);
    }

    #[test]
    fn no_tasks_is_no_work() {
        ordered(0, 4, |_| -> Result<()> { unreachable!() }, |_, ()| unreachable!()).unwrap();
    }
}
