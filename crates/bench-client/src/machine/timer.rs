//! How late a sleeping thread wakes up.

/// Linux lets a sleeping thread wake up 50 µs late, to wake up several at once
/// (`PR_SET_TIMERSLACK`, prctl(2)); 1 ns turns that off for this thread.
#[cfg(target_os = "linux")]
pub(crate) fn wake_up_on_time() {
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
}

/// Elsewhere timers are as the system has them; the schedule's lag shows it.
#[cfg(not(target_os = "linux"))]
pub(crate) fn wake_up_on_time() {}
