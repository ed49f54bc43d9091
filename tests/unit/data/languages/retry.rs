use std::time::Duration;

/// How often.
#[derive(Debug)]
pub struct Policy {
    limit: u32,
}

impl Policy {
    pub fn wait(&self) -> Duration {
        Duration::from_secs(1)
    }
}

pub fn retry() {}
