//! This host's clock: whether it is one with those of other hosts.

#[cfg(target_os = "linux")]
use std::time::SystemTime;
use std::{
    fs,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How far this program's clock and the kernel's are apart when they are one:
/// between the two readings a thread may wait for a CPU.
#[cfg(target_os = "linux")]
const MAX_APART: Duration = Duration::from_secs(1);

/// How long the system may take to say whether its clock is synchronised.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is known of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct HostClock {
    /// Which kernel keeps it, since when: processes that name the same have one
    /// clock.
    pub(crate) id: Option<String>,
    pub(crate) is_synchronised: Option<bool>,
}

impl HostClock {
    pub(crate) fn here() -> Self {
        if is_altered() {
            return Self {
                id: None,
                is_synchronised: Some(false),
            };
        }
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id");
        Self {
            id: boot.ok().map(|boot| boot.trim().to_owned()),
            is_synchronised: is_synchronised(),
        }
    }
}

/// Whether something between the kernel and this program has changed it, as
/// `faketime` does.
#[cfg(target_os = "linux")]
fn is_altered() -> bool {
    // Without the C library, where that is.
    let kernel = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seconds = now.unwrap_or_default().as_secs_f64();
    #[allow(clippy::cast_precision_loss)] // to the microsecond
    let kernel_seconds = kernel.tv_sec as f64 + kernel.tv_nsec as f64 / 1e9;
    (seconds - kernel_seconds).abs() > MAX_APART.as_secs_f64()
}

#[cfg(not(target_os = "linux"))]
const fn is_altered() -> bool {
    false
}

/// Whether the kernel has it synchronised (`STA_UNSYNC`, adjtimex(2)). No safe code
/// asks the kernel itself, and systemd does.
fn is_synchronised() -> Option<bool> {
    let mut child = Command::new("timedatectl")
        .args(["show", "--property=NTPSynchronized", "--value"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    if !has_ended(&mut child) {
        let _ = child.kill();
        let _ = child.wait();
        return None;
    }
    let output = child.wait_with_output().ok()?;
    match output.stdout.trim_ascii() {
        b"yes" => Some(true),
        b"no" => Some(false),
        _ => None,
    }
}

fn has_ended(child: &mut Child) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if !matches!(child.try_wait(), Ok(None)) {
            return true;
        }
        thread::sleep(Duration::from_millis(5));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_kernel_has_one_clock() {
        let begun = Instant::now();
        let (clock, again) = (HostClock::here(), HostClock::here());
        assert_eq!(clock.id, again.id);
        assert_eq!(clock.id.is_some(), cfg!(target_os = "linux"));
        // Whatever it says, it says it in time.
        assert!(begun.elapsed() < 4 * PATIENCE);
    }
}
