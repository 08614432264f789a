//! What goes on beside the requests: activity is noted, many sessions at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::operations::newest;
use super::{Core, head, scripts};
use crate::ports::{StoreError, Touched};

/// How long noted activity waits at most for the next round.
const TICK: Duration = Duration::from_millis(250);
/// Sessions whose activity is on its way at once.
const AT_ONCE: usize = 128;
/// How long a damaged record is kept for whoever wants to look at it.
pub(super) const KEEP_DAMAGED: Duration = Duration::from_hours(7 * 24);

/// Notes activity for ever.
pub(super) async fn note_touches(core: Arc<Core>) {
    loop {
        sleep(TICK).await;
        core.note_waiting().await;
    }
}

impl Core {
    /// Notes everything that waits. `false` where something goes on waiting.
    pub(super) async fn note_waiting(self: &Arc<Self>) -> bool {
        for some in self.touches.waiting().chunks(AT_ONCE) {
            let mut under_way = JoinSet::new();
            for touched in some {
                let (core, touched) = (Arc::clone(self), touched.clone());
                under_way.spawn(async move {
                    core.note(&touched).await?;
                    core.touches.noted(&touched);
                    Ok::<_, StoreError>(())
                });
            }
            let results = under_way.join_all().await;
            if let Some(error) = results.into_iter().find_map(Result::err) {
                tracing::debug!(%error, "Activity waits to be noted.");
                return false;
            }
        }
        true
    }

    async fn note(&self, touched: &Touched) -> Result<(), StoreError> {
        let (now, version) = (head::moment(self.clock.now()), newest());
        let at = head::moment(touched.at);
        let arguments = [&now, &version, &at].map(String::as_bytes);
        let key = self.session_key(touched.session);
        self.run(&scripts::TOUCH, &[key], &arguments).await?;
        for &token in touched.logins.iter() {
            let arguments = [version.as_bytes(), at.as_bytes()];
            let key = self.login_key(token);
            self.run(&scripts::TOUCH_LOGIN, &[key], &arguments).await?;
        }
        Ok(())
    }
}
