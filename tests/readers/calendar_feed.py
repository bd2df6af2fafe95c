"""Reads a feed back with the `icalendar` library and compares it with the tasks it was made of.

usage: calendar_feed.py FEED.ics ITEMS.jsonl
"""

import json
import sys
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import icalendar

raw = open(sys.argv[1], "rb").read()
items = [json.loads(line) for line in open(sys.argv[2], encoding="utf-8").read().split("\n") if line]
faults = []


def check(what, got, want):
    if got != want:
        faults.append(f"{what}: got {got!r}, want {want!r}")


# The octets themselves.
assert raw.endswith(b"END:VCALENDAR\r\n")
for number, line in enumerate(raw[:-2].split(b"\r\n"), 1):
    check(f"length of line {number}", len(line) <= 75, True)
    line.decode("utf-8")
    check(f"control in line {number}", [b for b in line if b < 32 or b == 127], [])

calendar = icalendar.Calendar.from_ical(raw)
# The library leaves the values of these two as they are (it knows no type for them). RFC 7986, section 5.1, and RFC 5545,
# section 3.8.8.2, say that they are texts, so commas are escaped.
for name in ("NAME", "X-WR-CALNAME"):
    check(name, str(calendar[name]), 'Tasks\\, "mine"\\; all 😀')
check("prodid", str(calendar["PRODID"]), "-//todo//calendar feed//EN")
check("errors", [c.errors for c in calendar.walk() if c.errors], [])
todos = {str(c["UID"]): c for c in calendar.walk("VTODO")}
events = {str(c["UID"]): c for c in calendar.walk("VEVENT")}


def control(c):
    return ord(c) < 32 or 127 <= ord(c) < 160


def lines(text):
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(" " if control(c) and c != "\n" else c for c in text)


def one(text):
    return lines(text).replace("\n", " ")


def utc(text):
    return datetime.fromisoformat(text).astimezone(timezone.utc).replace(microsecond=0)


def categories(component):
    if "CATEGORIES" not in component:
        return []
    return [str(c) for c in component["CATEGORIES"].cats]


def alarms(component):
    return [
        (a["TRIGGER"].dt, a["TRIGGER"].params.get("RELATED"), str(a["ACTION"]), str(a["DESCRIPTION"]))
        for a in component.walk("VALARM")
    ]


SEEN = {}


def seen(what):
    SEEN[what] = SEEN.get(what, 0) + 1


for item in items:
    uid, event_uid = f"{item['id']}@todo.example.com", f"{item['id']}-event@todo.example.com"
    if item["due_date"] is None:
        check(f"{uid} without a date", (uid in todos, event_uid in events), (False, False))
        seen("without a date")
        continue
    todo, event = todos.pop(uid), events.pop(event_uid)
    done = item["completed_at"] is not None
    day = date.fromisoformat(item["due_date"])
    timed = item["due_at"] is not None
    due = utc(item["due_at"]) if timed else day
    for kind, component in (("todo", todo), ("event", event)):
        title = one(item["title"])
        check(f"{uid} {kind} title", str(component["SUMMARY"]), f"✓ {title}" if done and kind == "event" else title)
        check(f"{uid} {kind} description", str(component.get("DESCRIPTION", "")), lines(item["description"]))
        check(f"{uid} {kind} tags", categories(component), [one(t) for t in item["tags"]])
        check(f"{uid} {kind} priority", component.get("PRIORITY"), {0: None, 1: 9, 2: 5, 3: 3, 4: 1}[item["priority"]])
        check(f"{uid} {kind} stamp", component["DTSTAMP"].dt, datetime.fromtimestamp(1764072000, timezone.utc))
        check(f"{uid} {kind} created", component["CREATED"].dt, utc(item["created_at"]))
        check(f"{uid} {kind} changed", component["LAST-MODIFIED"].dt, utc(item["updated_at"]))
        related = "END" if kind == "todo" else None
        want = []
        for r in item["reminders"] if not done else []:
            if r["at"]:
                want.append((utc(r["at"]), None, "DISPLAY", title))
            else:
                want.append((timedelta(minutes=-r["minutes"]), related, "DISPLAY", title))
        check(f"{uid} {kind} alarms", alarms(component), want)
        seen(f"{kind} alarms") if want else None
    check(f"{uid} due", todo["DUE"].dt, due)
    check(f"{uid} event start", event["DTSTART"].dt, due)
    check(f"{uid} event end", event["DTEND"].dt, due + (timedelta(minutes=30) if timed else timedelta(days=1)))
    check(f"{uid} transparent", str(event["TRANSP"]), "TRANSPARENT")
    start = None
    if item["start_date"]:
        start = date.fromisoformat(item["start_date"])
        if timed:
            start = datetime.combine(start, time(), ZoneInfo(item["zone"])).astimezone(timezone.utc)
        start = start if start < due else None
    check(f"{uid} start", todo["DTSTART"].dt if "DTSTART" in todo else None, start)
    check(f"{uid} type", type(start) in (type(None), type(due)), True)
    check(f"{uid} status", str(todo["STATUS"]), "COMPLETED" if done else "NEEDS-ACTION")
    check(f"{uid} completed", todo["COMPLETED"].dt if "COMPLETED" in todo else None, utc(item["completed_at"]) if done else None)
    check(f"{uid} percent", todo.get("PERCENT-COMPLETE"), 100 if done else None)
    check(f"{uid} parent", str(todo.get("RELATED-TO", "")), f"{item['parent']}@todo.example.com" if item["parent"] else "")
    rule = item["rule"] or ""
    goes = (
        not timed and not done and not item["from_completion"]
        and rule.startswith("FREQ=") and "COUNT" not in rule and "HOURLY" not in rule
    )
    check(f"{uid} event rule", "RRULE" in event, goes)
    check(f"{uid} todo rule", "RRULE" in todo, goes and start is not None and "BY" not in rule)
    for kind, component in (("todo", todo), ("event", event)):
        if "RRULE" in component:
            want = dict(icalendar.vRecur.from_ical(rule))
            if "UNTIL" in want:
                want["UNTIL"] = [want["UNTIL"][0].date()]
            check(f"{uid} {kind} rule", dict(component["RRULE"]), want)
            seen(f"{kind} rules")
    seen("done") if done else None
    seen("timed" if timed else "on a day")

check("other to-dos", list(todos), [])
check("other events", list(events), [])
print(f"{len(items)} tasks, icalendar {icalendar.__version__}: {SEEN}")
print("\n".join(faults[:20]))
print(f"{len(faults)} faults")
sys.exit(bool(faults))
