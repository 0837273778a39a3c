use std::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    thread,
};

use super::*;

fn stream() -> (Stream, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    (Stream::Plain(TcpStream::connect(addr).unwrap()), addr)
}

#[track_caller]
fn assert_stats(registry: &Registry, live: u64, closed: &str) {
    let stats = registry.stats();
    assert_eq!(stats.live, live);
    assert_eq!(stats.closed.to_string(), closed);
    assert_eq!(stats.accepted, stats.closed.total() + live);
}

/// Joins one thread, as the watchdog does.
#[track_caller]
fn join_one(registry: &Registry) {
    match registry.next_work(Instant::now() + Duration::from_mins(1)) {
        Work::Join(thread, reason) => {
            let _ = thread.join();
            registry.joined(reason);
        }
        Work::Sweep | Work::End => panic!("nothing to join"),
    }
}

#[test]
fn every_end_is_counted() {
    let registry = Arc::new(Registry::default());
    let register = || {
        let (stream, addr) = stream();
        registry.register(stream, addr)
    };
    assert_stats(&registry, 0, "none");

    let without_thread = register();
    assert_stats(&registry, 1, "none");
    drop(without_thread);
    assert_stats(&registry, 0, "1 spawn");

    let panics = register();
    let key = panics.key();
    registry.attach(
        key,
        thread::spawn(move || {
            let _guard = panics.on_thread();
            panic!("on purpose");
        }),
    );
    join_one(&registry);
    assert_stats(&registry, 0, "1 spawn, 1 panic");

    let ends = register().on_thread();
    assert!(ends.decide(CloseReason::Clean.into()));
    assert!(!ends.decide(CloseReason::Reset.into()), "decided twice");
    registry.stop();
    registry.wake_readers();
    registry.attach(ends.key(), thread::spawn(|| {}));
    drop(ends);
    join_one(&registry);
    registry.refuse(CloseReason::Limit);
    assert_stats(&registry, 0, "1 clean, 1 limit, 1 spawn, 1 panic");
}

#[test]
fn a_connection_is_live_until_its_thread_is_joined() {
    let registry = Arc::new(Registry::default());
    let (stream, addr) = stream();
    let guard = registry.register(stream, addr).on_thread();
    let key = guard.key();
    guard.decide(CloseReason::Clean.into());
    // The connection ends before its thread is attached; the thread lives on.
    drop(guard);
    assert_stats(&registry, 1, "none");
    let (lasts, wait) = mpsc::channel::<()>();
    registry.attach(
        key,
        thread::spawn(move || {
            let _ = wait.recv();
        }),
    );
    thread::scope(|scope| {
        let joining = scope.spawn(|| join_one(&registry));
        assert!(!registry.wait_for_place(1, Duration::from_millis(20)));
        assert_stats(&registry, 1, "none");
        drop(lasts);
        assert!(registry.wait_for_place(1, Duration::from_mins(1)));
        joining.join().unwrap();
    });
    assert_stats(&registry, 0, "1 clean");
}
