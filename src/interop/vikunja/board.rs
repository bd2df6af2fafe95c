//! The board of a project: its columns become sections.
//!
//! Vikunja gives every project a board with the columns To-Do, Doing and Done, and puts each task into the first. So
//! the columns are read only where the board was used: where a task is in a column other than the first one and the one
//! for what is done. Then each column that has a task becomes a section, save the one for what is done.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::shape::{Bucket, InBucket, Position, Task, Top, View};
use crate::interop::error::Error;
use crate::interop::json::{self, Capped};
use crate::interop::{OTHERS_MAX, TASKS_MAX};

/// The most places that tasks have in views: each has one in each view, and a project has four views at first.
const PLACES_MAX: usize = 10 * TASKS_MAX;

/// How a project's tasks are arranged.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// The columns that become sections, in their order: where in `buckets` they are, their ids and titles.
    pub(super) sections: Vec<(usize, i64, String)>,
    /// The column of a task that is in one of them.
    pub(super) section_of: HashMap<i64, i64>,
    /// The place of a task in the list.
    pub(super) place_of: HashMap<i64, f64>,
    /// Whether there are other boards, which are left out.
    pub(super) more: bool,
}

impl Board {
    /// `at` is the pointer of the project.
    pub(super) fn of(project: &Top, tasks: &[Task], at: &str) -> Result<Self, Error> {
        let mut views: Vec<View> = list::<_, OTHERS_MAX>(project.views, at, "views")?;
        let buckets: Vec<Bucket> = list::<_, OTHERS_MAX>(project.buckets, at, "buckets")?;
        let mut buckets: Vec<(usize, Bucket)> = buckets.into_iter().enumerate().collect();
        views.sort_by(|a, b| a.position.unwrap_or_default().total_cmp(&b.position.unwrap_or_default()));
        let place = |bucket: &Bucket| bucket.position.unwrap_or_default();
        buckets.sort_by(|(_, a), (_, b)| place(a).total_cmp(&place(b)));
        let mut board = Self::default();
        if let Some(view) = views.iter().find(|view| view.kind.as_deref() == Some("list")) {
            let places: Vec<Position> = list::<_, PLACES_MAX>(project.positions, at, "positions")?;
            let here = places.into_iter().filter(|place| place.project_view_id == view.id);
            board.place_of = here.map(|place| (place.task_id, place.at)).collect();
        }

        let boards: HashSet<i64> =
            buckets.iter().map(|(_, bucket)| bucket.project_view_id.unwrap_or_default()).collect();
        board.more = boards.len() > 1;
        let shown = views.iter().find(|view| boards.contains(&view.id));
        let shown_id = shown.map(|view| view.id).or_else(|| boards.iter().min().copied()).unwrap_or_default();
        buckets.retain(|(_, bucket)| bucket.project_view_id.unwrap_or_default() == shown_id);
        let first = shown.and_then(|view| view.default_bucket_id).filter(|id| *id > 0);
        let first = first.or_else(|| buckets.first().map(|(_, bucket)| bucket.id));
        let done = shown.and_then(|view| view.done_bucket_id);

        let columns: HashSet<i64> = buckets.iter().map(|(_, bucket)| bucket.id).collect();
        let pairs: Vec<InBucket> = list::<_, PLACES_MAX>(project.task_buckets, at, "task_buckets")?;
        let pairs = pairs.into_iter().map(|pair| (pair.task_id, pair.bucket_id));
        let old = tasks.iter().filter_map(|task| Some((task.id, task.bucket_id?)));
        let in_column: HashMap<i64, i64> = pairs.chain(old).filter(|(_, column)| columns.contains(column)).collect();
        let mut used: HashSet<i64> = in_column.values().copied().collect();
        used.retain(|column| Some(*column) != done);
        for (_, bucket) in &buckets {
            if bucket.is_done == Some(true) {
                used.remove(&bucket.id);
            }
        }
        if used.iter().any(|column| Some(*column) != first) {
            let sections = buckets.into_iter().filter(|(_, bucket)| used.contains(&bucket.id));
            board.sections = sections.map(|(index, bucket)| (index, bucket.id, bucket.title)).collect();
            board.section_of = in_column;
            board.section_of.retain(|_, column| used.contains(column));
        }
        Ok(board)
    }
}

/// A list of a project that is a piece of the file, or an error where there is too much of it.
pub(super) fn list<'a, T: Deserialize<'a>, const N: usize>(
    piece: Option<&'a RawValue>,
    project: &str,
    name: &'static str,
) -> Result<Vec<T>, Error> {
    let Some(piece) = piece else { return Ok(Vec::new()) };
    let at = format!("{project}/{name}");
    json::parse::<Capped<T, N>>(piece.get(), &at)?.all(name, &at)
}

#[cfg(test)]
#[path = "board_tests.rs"]
mod tests;
