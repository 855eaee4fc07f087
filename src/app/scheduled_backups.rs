//! Makes the backups of the schedule when they are due.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::backup::{Backups, Schedule};
use crate::clock;

/// Time between two looks at the clock, which may be set.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// Makes backups until the gateway stops.
pub(super) async fn run(backups: Backups, schedule: Schedule) {
    let looking = schedule.clone();
    // A disk may be slow.
    let looked = tokio::task::spawn_blocking(move || looking.look(clock::now())).await;
    if let Err(panicked) = looked {
        std::panic::resume_unwind(panicked.into_panic());
    }
    let mut looks = interval(LOOK_INTERVAL);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        if schedule.is_due(clock::now()) {
            schedule.make(&backups, clock::now()).await;
        }
    }
}
