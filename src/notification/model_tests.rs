use super::*;

const ID: Uuid = Uuid::from_u128(7);

fn made(event_type: &str, payload: &Value) -> Option<Notice> {
    notice(event_type, payload).unwrap()
}

#[test]
fn each_event_of_the_table_makes_its_notification() {
    let table = [
        ("USER_PASSWORD_CHANGED", json!({}), "password_changed", "warning", None, json!({})),
        (
            "USER_SESSIONS_REVOKED",
            json!({ "sessionIds": [ID], "reason": "refresh_token_reused" }),
            "session_revoked",
            "critical",
            Some("session"),
            json!({ "reason": "refresh_token_reused" }),
        ),
        (
            "USER_API_TOKEN_CREATED",
            json!({ "apiTokenId": ID, "scopes": ["tasks:read"] }),
            "api_token_created",
            "warning",
            Some("api_token"),
            json!({ "scopes": ["tasks:read"] }),
        ),
        (
            "USER_API_TOKEN_REVOKED",
            json!({ "apiTokenId": ID }),
            "api_token_revoked",
            "info",
            Some("api_token"),
            json!({}),
        ),
        (
            "WEBHOOK_DISABLED",
            json!({ "webhookId": ID, "host": "example.org", "reason": "410", "more": 1 }),
            "webhook_disabled",
            "warning",
            Some("webhook"),
            json!({ "host": "example.org", "reason": "410" }),
        ),
        (
            "REMINDER_FIRED",
            json!({ "taskId": ID, "taskTitle": "Pay rent", "remindAt": "2026-12-01T16:00:00Z", "dueDate": "2026-12-01", "lateSeconds": 90 }),
            "reminder",
            "info",
            Some("task"),
            json!({ "remindAt": "2026-12-01T16:00:00Z", "dueDate": "2026-12-01", "dueAt": null, "dueZone": null,
                "minutesBefore": null, "lateSeconds": 90 }),
        ),
    ];
    for (event_type, payload, kind, severity, subject, data) in table {
        let notice = made(event_type, &payload).unwrap();
        assert_eq!((notice.kind.as_str(), notice.kind.severity()), (kind, severity), "{event_type}");
        assert_eq!(notice.subject, subject.map(|of| Subject { of: of.to_owned(), id: ID }), "{event_type}");
        assert_eq!(notice.data, data, "{event_type}");
        assert!((5..200).contains(&notice.title.len()), "{event_type}");
    }
}

#[test]
fn what_somebody_did_themselves_and_what_is_not_known_tells_nothing() {
    for reason in ["revoked", "password_changed"] {
        assert_eq!(made("USER_SESSIONS_REVOKED", &json!({ "sessionIds": [ID], "reason": reason })), None);
    }
    for event_type in ["USER_SIGNED_IN", "TASK_CREATED", "NOTIFICATION_READ", "USER_ERASED", "SOMETHING_NEW", ""] {
        assert_eq!(made(event_type, &json!({})), None, "{event_type}");
    }
}

#[test]
fn a_payload_without_what_its_type_promises_is_an_error() {
    for event_type in ["USER_SESSIONS_REVOKED", "USER_API_TOKEN_CREATED", "USER_API_TOKEN_REVOKED", "REMINDER_FIRED"] {
        assert!(notice(event_type, &json!({ "apiTokenId": "x" })).is_err(), "{event_type}");
    }
}

#[test]
fn a_webhooks_event_is_read_as_far_as_it_can_be() {
    for payload in [json!({}), json!(null), json!([1]), json!({ "webhookId": 7, "host": 7, "reason": {} })] {
        let notice = made("WEBHOOK_DISABLED", &payload).unwrap();
        assert_eq!((notice.title.as_str(), &notice.subject), ("A webhook was switched off", &None), "{payload}");
        assert_eq!(notice.data, json!({ "host": null, "reason": null }));
    }
    let long = json!({ "host": format!("a\n{}", "b".repeat(1000)), "reason": "é".repeat(1000) });
    let notice = made("WEBHOOK_DISABLED", &long).unwrap();
    assert_eq!(notice.data["host"].as_str().unwrap().len(), 255);
    assert_eq!(notice.data["reason"].as_str().unwrap().chars().count(), 500);
    assert!(notice.title.starts_with("The webhook to abb") && !notice.title.contains('\n'));
}
