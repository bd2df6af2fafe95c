use super::*;
use crate::interop::portable::tests::at;

#[test]
fn positions_have_the_order_of_the_numbers() {
    let numbers = [0, 1, 9, 10, 35, 36, 37, 1_295, 1_296, 99_999, 100_000, usize::MAX - 1, usize::MAX];
    let texts: Vec<String> = numbers.iter().map(|number| position(*number)).collect();
    assert!(texts.is_sorted() && texts.windows(2).all(|two| two[0] != two[1]), "{texts:?}");
    for text in &texts {
        assert!(text.len() == 14 && text.bytes().all(|digit| DIGITS.contains(&digit)) && !text.ends_with('0'));
    }
}

#[test]
fn the_members_are_those_of_the_api() {
    let task = Task {
        key: "t".to_owned(),
        title: "x".to_owned(),
        completed_at: Some(at("2026-01-01T00:00:00.5Z")),
        ..Task::default()
    };
    let portable = Portable {
        projects: vec![Project { key: "p".to_owned(), name: "P".to_owned(), archived: true, ..Project::default() }],
        tasks: vec![task],
        ..Portable::default()
    };
    let value: serde_json::Value = serde_json::from_str(&write(&portable, at("2026-11-25T12:00:00Z"))).unwrap();
    assert_eq!(
        value,
        serde_json::json!({
            "format": "todo-export",
            "version": 1,
            "exportedAt": "2026-11-25T12:00:00Z",
            "projects": [{"id": "p", "kind": "project", "name": "P", "color": null, "position": "0000000000000i",
                          "archivedAt": "2026-11-25T12:00:00Z"}],
            "sections": [],
            "filters": [],
            "tags": [],
            "tasks": [{"id": "t", "title": "x", "description": "", "priority": "none", "projectId": null, "sectionId": null,
                       "parentId": null, "position": "0000000000000i", "tags": [], "dueDate": null, "dueAt": null,
                       "dueZone": null, "startDate": null, "deadline": null, "completed": true,
                       "completedAt": "2026-01-01T00:00:00.500Z", "createdAt": null}],
        })
    );
}
