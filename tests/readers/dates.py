"""Compares the dates of random rules with those of python-dateutil: JSON lines on standard input, one rule a line.

Each line: {"rule": ..., "start": "2026-01-31", "dates": [the first 30]}. Exit status 1 if one differs.

python-dateutil takes the number of weeks of a year for that of the year before (BYWEEKNO, the first days of January), and
-52 and -53 not as the first week of the next year (the last days of December). A rule with BYWEEKNO that differs is
compared once more with the weeks as ISO 8601 and RFC 5545 have them; how many those are is printed. It fails itself
(IndexError) on some ordinals of a year (53MO); those rules are counted and not compared.
"""
import datetime
import itertools
import json
import sys

from dateutil import rrule


def first_week(year, week_start):
    fourth = datetime.date(year, 1, 4)
    return fourth - datetime.timedelta(days=(fourth.weekday() - week_start) % 7)


class Weeks(rrule._iterinfo):
    """The weeks as RFC 5545 has them."""

    def rebuild(self, year, month):
        super().rebuild(year, month)
        if not self.rrule._byweekno:
            return
        self.wnomask = [0] * (self.yearlen + 7)
        for place in range(self.yearlen):
            day = datetime.date(year, 1, 1) + datetime.timedelta(days=place)
            counting = max(y for y in (year - 1, year, year + 1) if first_week(y, self.rrule._wkst) <= day)
            begin, end = (first_week(y, self.rrule._wkst) for y in (counting, counting + 1))
            week, total = (day - begin).days // 7 + 1, (end - begin).days // 7
            wanted = self.rrule._byweekno
            self.wnomask[place] = int(week in wanted or week - total - 1 in wanted)


THEIRS = rrule._iterinfo


def theirs(text, start, weeks=THEIRS):
    rrule._iterinfo = weeks
    begin = datetime.datetime.combine(start, datetime.time())
    dates = itertools.islice(rrule.rrulestr(text, dtstart=begin), 30)
    return [moment.date().isoformat() for moment in dates]


def main():
    total = agree = weeks = failed = differ = 0
    for line in sys.stdin:
        case = json.loads(line)
        total += 1
        start = datetime.date.fromisoformat(case["start"])
        try:
            found = theirs(case["rule"], start)
            if found != case["dates"] and "BYWEEKNO" in case["rule"]:
                found = theirs(case["rule"], start, Weeks)
                weeks += found == case["dates"]
        except IndexError:
            failed += 1
            continue
        if found == case["dates"]:
            agree += 1
        else:
            differ += 1
            print("DIFFERS", case["rule"], case["start"], "ours", case["dates"][:6], "theirs", found[:6], flush=True)
    print(f"{total} rules, {agree} agree ({weeks} of them with the weeks set right), {failed} fail there, {differ} differ")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
