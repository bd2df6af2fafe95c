//! What is done to one task, and what follows for its subtasks and its series.

use super::Error;
use super::change::Work;
use super::input::{Draft, Input};
use super::model::{InTrash, Place, Step, Task};
use super::place::{self, Destination};
use super::series::Reach;
use super::service::{Follow, Subtasks};

/// What is done to one task.
pub(super) enum Edit<'a> {
    /// Everything that a client may set is replaced.
    Replace(Box<Draft>, Follow),
    /// The same, made of what it is.
    Patch(&'a (dyn Fn(Input) -> Result<Draft, Error> + Send + Sync), Follow),
    /// It is moved.
    Move(Destination),
    /// It is done.
    Complete(Subtasks),
    /// It is not done.
    Reopen,
    /// It goes to the trash, and its subtasks with it.
    Delete(Option<Reach>),
    /// It comes out of the trash, and what went there with it.
    Restore,
}

impl Work<'_> {
    /// What is done to a task, and what follows for its subtasks.
    pub async fn apply(&mut self, before: &Task, edit: &Edit<'_>) -> Result<(), Error> {
        let now = self.now();
        match edit {
            Edit::Replace(draft, follow) => self.replace(before, (**draft).clone(), *follow).await,
            Edit::Patch(merge, follow) => self.replace(before, merge(before.as_input())?, *follow).await,
            Edit::Move(to) => {
                if before.deleted_at.is_some() {
                    return Err(InTrash.into());
                }
                let (place, position) = place::of_move(self, before, to).await?;
                self.step(before, before.shift(place, position, now))?;
                self.follow(before, place).await
            }
            Edit::Complete(subtasks) => self.finish(before, before.complete(now)?, *subtasks).await,
            Edit::Reopen => {
                self.step(before, before.reopen(now)?)?;
                Ok(())
            }
            Edit::Delete(reach) => self.delete(before, *reach).await,
            Edit::Restore => self.restore(before).await,
        }
    }

    async fn replace(&mut self, before: &Task, draft: Draft, follow: Follow) -> Result<(), Error> {
        let place = place::of_draft(self, Some(before), &draft).await?;
        let (done, home) = (draft.completed && !before.completed, draft.home);
        let step = match before.replace(draft, place, self.now())? {
            Some((after, happening)) => Some((self.recur(Some(before), after, home, follow.series).await?, happening)),
            None => None,
        };
        if done {
            self.finish(before, step, follow.subtasks).await?;
        } else {
            self.step(before, step)?;
        }
        self.follow(before, place).await
    }

    /// A step that makes a task done: what is below it, and the next occurrence.
    async fn finish(&mut self, before: &Task, step: Step, subtasks: Subtasks) -> Result<(), Error> {
        let next = match &step {
            Some((after, _)) if !before.completed => self.following(after).await?,
            _ => None,
        };
        let date = step.as_ref().and_then(|(after, _)| after.occurrence);
        self.step(before, step)?;
        self.complete_below(before, subtasks).await?;
        match (next, date) {
            (Some(next), Some(date)) => self.make(&next, date).await,
            _ => Ok(()),
        }
    }

    async fn delete(&mut self, before: &Task, reach: Option<Reach>) -> Result<(), Error> {
        let next = self.drop_occurrence(before, reach).await?;
        self.step(before, before.delete(self.now()))?;
        for task in self.descendants(before.id).await?.0 {
            self.trash(&task).await?;
        }
        if let (Some(next), Some(date)) = (next, before.occurrence) {
            self.make(&next, date).await?;
        }
        Ok(())
    }

    /// The subtasks go where their task goes.
    pub async fn follow(&mut self, before: &Task, place: Place) -> Result<(), Error> {
        if (place.project, place.section) == (before.project_id, before.section_id) {
            return Ok(());
        }
        for task in self.descendants(before.id).await?.0 {
            let step = task.shift(Place { parent: task.parent_id, ..place }, task.position.clone(), self.now());
            self.step(&task, step)?;
        }
        Ok(())
    }

    async fn complete_below(&mut self, before: &Task, subtasks: Subtasks) -> Result<(), Error> {
        if subtasks == Subtasks::Keep || before.completed && subtasks == Subtasks::Ask {
            return Ok(());
        }
        let below = self.descendants(before.id).await?.0;
        let open: Vec<_> = below.iter().filter(|task| !task.completed && task.deleted_at.is_none()).collect();
        if subtasks == Subtasks::Ask && !open.is_empty() {
            return Err(Error::OpenSubtasks { count: open.len() });
        }
        for task in open {
            let next = self.following(task).await?;
            let step = task.complete(self.now())?;
            self.step(task, step)?;
            if let (Some(next), Some(date)) = (next, task.occurrence) {
                self.make(&next, date).await?;
            }
        }
        Ok(())
    }

    async fn restore(&mut self, before: &Task) -> Result<(), Error> {
        let Some(deleted_at) = before.deleted_at else { return Ok(()) };
        let place = place::of_restored(self, before).await?;
        self.step(before, before.restore(place, self.now()))?;
        for task in self.descendants(before.id).await?.0 {
            // What went to the trash at another time was deleted for itself.
            if task.deleted_at == Some(deleted_at) {
                let step = task.restore(Place { parent: task.parent_id, ..place }, self.now());
                self.step(&task, step)?;
            }
        }
        Ok(())
    }
}
