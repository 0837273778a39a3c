//! How many files and sockets this process and its children may have open.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the limit of this process and of the children to come: 1,024 is
/// what many systems begin with.
pub fn allow(count: u64) {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < count) {
        limit.current = Some(count);
        setrlimit(Resource::Nofile, limit).expect("a hard limit above that");
    }
}

/// Raises it as far as it goes.
#[cfg(target_os = "linux")]
pub fn allow_most() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("the hard limit");
}
