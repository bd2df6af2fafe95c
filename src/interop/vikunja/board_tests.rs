use super::super::tests::{plain, project};

const VIEWS: &str = r#"[{"id": 1, "view_kind": "list", "position": 100}, {"id": 4, "view_kind": "kanban", "position": 400,
  "bucket_configuration_mode": "manual", "default_bucket_id": 10, "done_bucket_id": 12}]"#;
const BUCKETS: &str = r#"[{"id": 12, "title": "Done", "project_view_id": 4, "position": 300}, {"id": 10, "title": "To-Do",
  "project_view_id": 4, "position": 100}, {"id": 11, "title": "Doing", "project_view_id": 4, "position": 200}]"#;

#[test]
fn a_board_that_was_used_becomes_sections() {
    let tasks = [plain(1), plain(2), plain(3)];
    for (places, sections, of) in [
        // As Vikunja puts them: all in the first column, the done one in the last.
        ([10, 10, 12], vec![], [None, None, None]),
        ([10, 11, 12], vec!["To-Do", "Doing"], [Some("10"), Some("11"), None]),
        ([11, 11, 11], vec!["Doing"], [Some("11"), Some("11"), Some("11")]),
        ([10, 11, 99], vec!["To-Do", "Doing"], [Some("10"), Some("11"), None]),
    ] {
        let pairs: Vec<String> = (1..)
            .zip(places)
            .map(|(task, bucket)| {
                format!(r#"{{"bucket_id": {bucket}, "task_id": {task}, "project_view_id": 4, "task": null}}"#)
            })
            .collect();
        let portable = project(&tasks, [VIEWS, BUCKETS, &format!("[{}]", pairs.join(",")), "null"]);
        let names: Vec<&str> = portable.sections.iter().map(|section| section.name.as_str()).collect();
        assert_eq!(names, sections, "{places:?}");
        let section_of: Vec<Option<&str>> = portable.tasks.iter().map(|task| task.section.as_deref()).collect();
        assert_eq!(section_of, of, "{places:?}");
        assert_eq!(portable.notes, []);
    }
}

#[test]
fn the_board_of_older_versions() {
    let task = |id: u32, bucket: u32| plain(id).replace("\"bucket_id\": 0", &format!("\"bucket_id\": {bucket}"));
    let buckets = r#"[{"id": 1, "title": "Backlog", "position": 1}, {"id": 2, "title": "Week", "position": 2},
      {"id": 3, "title": "Done", "position": 3, "is_done_bucket": true}]"#;
    let portable = project(&[task(1, 1), task(2, 2), task(3, 3)], ["null", buckets, "null", "null"]);
    let told: Vec<Option<&str>> = portable.tasks.iter().map(|task| task.section.as_deref()).collect();
    assert_eq!((told, portable.sections.len()), (vec![Some("1"), Some("2"), None], 2));
}

#[test]
fn the_order_is_that_of_the_list() {
    let positions = r#"[{"task_id": 1, "project_view_id": 1, "position": 300.5}, {"task_id": 2, "project_view_id": 1,
      "position": 100}, {"task_id": 3, "project_view_id": 1, "position": 200}, {"task_id": 3, "project_view_id": 4, "position": 1}]"#;
    let portable = project(&[plain(1), plain(2), plain(3)], [VIEWS, "[]", "[]", positions]);
    assert_eq!(portable.tasks.iter().map(|task| task.key.as_str()).collect::<Vec<_>>(), ["2", "3", "1"]);
    let task = |id: u32, position: &str| plain(id).replace("\"position\": 0", &format!("\"position\": {position}"));
    let portable = project(&[task(1, "2"), task(2, "1"), plain(3)], ["null"; 4]);
    assert_eq!(portable.tasks.iter().map(|task| task.key.as_str()).collect::<Vec<_>>(), ["3", "2", "1"]);
}
