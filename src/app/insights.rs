//! `todo insights …`.

use anstream::println;
use clap::Subcommand;
use uuid::Uuid;

use super::commands::opened;
use super::compose::{Failure, says};
use crate::config::Config;
use crate::insights::{rebuild, rebuild_all};

/// `todo insights …`
#[derive(Clone, Copy, Subcommand)]
pub(super) enum InsightsCommand {
    /// Make the figures again from the log; the service may go on meanwhile
    Rebuild {
        /// Only this user's
        #[arg(long)]
        user: Option<Uuid>,
    },
}

pub(super) async fn command(config: &Config, command: InsightsCommand) -> Result<(), Failure> {
    let InsightsCommand::Rebuild { user } = command;
    let db = opened(config).await?;
    let rebuilt = match user {
        Some(user_id) => rebuild(&db, user_id).await.map(u64::from),
        None => rebuild_all(&db).await,
    };
    println!("rebuilt the figures of {} user(s)", rebuilt.map_err(says)?);
    Ok(())
}
