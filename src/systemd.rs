//! What systemd is told, where it started this process: `sd_notify(3)`.

use sd_notify::NotifyState;

/// This process serves.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// This process serves, and took the place of another.
pub fn ready_instead() {
    tell(&[NotifyState::MainPid(std::process::id()), NotifyState::Ready]);
}

/// The configuration is being read again.
pub fn reloading() {
    if let Ok(moment) = NotifyState::monotonic_usec_now() {
        tell(&[NotifyState::Reloading, moment]);
    }
}

/// This process ends.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Another process has taken the place of this one.
pub fn succeeded_by(process: u32) {
    tell(&[NotifyState::MainPid(process)]);
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "The service manager cannot be told.");
    }
}
