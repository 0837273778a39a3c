//! The limit of open files and sockets of this process and its children.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the limit of this process and of later children: many systems start
/// with 1,024.
pub fn allow(count: u64) {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < count) {
        limit.current = Some(count);
        setrlimit(Resource::Nofile, limit).expect("a hard limit above that");
    }
}

/// Raises it to the hard limit.
#[cfg(target_os = "linux")]
pub fn allow_most() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("the hard limit");
}
