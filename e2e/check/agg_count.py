#!/usr/bin/env python3
"""Counts a course log again and compares the counts with the aggregate in the store.

For every (person, resource, local day) the number of events is counted from the CSV file
itself, after the shift by whole days that lets the log end on --last-day, and compared
with what the store has under (pid, item, day). Nothing here is shared with sluice.

  agg_count.py --csv events.csv.gz --pids pids.tsv --got agg.tsv --last-day 2026-12-09
               [--refused users.txt]

--pids      user<TAB>pid in hex, one a line, as `sluice pid` tells them
--got       pid in hex<TAB>item<TAB>day<TAB>n, TabSeparated of ClickHouse
--last-day  the local day the replay ended on: the day before it ran, in the policy's zone
--refused   users, one a line, of whom nothing may be there

Exit status: 0 equal, 1 different, 2 the input cannot be used.
Users are not printed: a difference is shown by pid.
"""
import argparse
import collections
import csv
import datetime
import gzip
import io
import sys


class Unusable(Exception):
    """The input cannot be compared at all."""


def lines_of(path):
    with open(path, "rb") as f:
        data = f.read()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    return data.decode("utf-8-sig", errors="replace")


ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "0": "\0", "b": "\b", "f": "\f", "\\": "\\", "'": "'"}


def unescape(cell):
    """Undoes the escaping of ClickHouse's TabSeparated format."""
    if "\\" not in cell:
        return cell
    out, chars = [], iter(cell)
    for c in chars:
        if c == "\\":
            c = next(chars, "\\")
            c = ESCAPES.get(c, "\\" + c)
        out.append(c)
    return "".join(out)


def read_pids(path):
    pids, owner = {}, {}
    for n, line in enumerate(lines_of(path).split("\n"), 1):
        line = line.rstrip("\r")
        if not line:
            continue
        user, tab, pid = line.partition("\t")
        pid = pid.strip().lower()
        if not tab or not pid or set(pid) - set("0123456789abcdef") or not pid.strip("0"):
            raise Unusable(f"pids, line {n}: not user<TAB>pid in hex")
        if pids.get(user, pid) != pid:
            raise Unusable(f"pids, line {n}: a second pid for one user")
        if owner.setdefault(pid, user) != user:
            raise Unusable(f"pids, line {n}: one pid for two users")
        pids[user] = pid
    return pids


def read_got(path):
    got, repeated = collections.Counter(), 0
    for n, line in enumerate(lines_of(path).split("\n"), 1):
        if not line:
            continue
        cells = line.rstrip("\r").split("\t")
        if len(cells) != 4:
            raise Unusable(f"got, line {n}: {len(cells)} columns, not 4")
        try:
            key = (cells[0].lower(), unescape(cells[1]), datetime.date.fromisoformat(cells[2]))
            count = int(cells[3])
        except ValueError:
            raise Unusable(f"got, line {n}: not pid, item, day, n") from None
        repeated += key in got
        got[key] += count
    return got, repeated


def read_log(path):
    """Returns (user, resource, local day) of every event with a user, and their number."""
    rows = csv.DictReader(io.StringIO(lines_of(path), newline=""))
    events, nobody = [], 0
    for n, row in enumerate(rows, 1):
        try:
            day = datetime.datetime.strptime(row["timecreated"], "%Y-%m-%dT%H:%M:%S").date()
            user, resource = row["user"], row["Event.context"]
        except (KeyError, TypeError, ValueError):
            raise Unusable(f"csv, record {n}: not of this course log") from None
        if user:
            events.append((user, resource, day))
        else:
            nobody += 1
    if not events:
        raise Unusable("csv: no events")
    return events, nobody


def expected(events, pids, refused, last_day):
    shift = last_day - max(day for _, _, day in events)
    want = collections.Counter()
    for user, resource, day in events:
        if user in refused:
            continue
        if user not in pids:
            raise Unusable("pids: a user of the log has none")
        want[(pids[user], resource, day + shift)] += 1
    return want, shift.days


def compare(want, got, forbidden, show):
    different = sorted(k for k in want.keys() | got.keys() if want[k] != got[k])
    for key in different[:show]:
        pid, item, day = key
        note = " (refused)" if pid in forbidden else ""
        print(f"  {pid}{note} {day} {item!r}: counted {want[key]}, stored {got[key]}")
    if len(different) > show:
        print(f"  and {len(different) - show} more")
    return different


def main():
    p = argparse.ArgumentParser(description="Compares a course log with its aggregate.")
    for name in ("--csv", "--pids", "--got"):
        p.add_argument(name, required=True)
    p.add_argument("--last-day", required=True, type=datetime.date.fromisoformat)
    p.add_argument("--refused")
    p.add_argument("--show", type=int, default=20)
    a = p.parse_args()
    try:
        refused = set()
        if a.refused:
            refused = {u.rstrip("\r") for u in lines_of(a.refused).split("\n") if u.strip()}
        pids = read_pids(a.pids)
        events, nobody = read_log(a.csv)
        want, shift = expected(events, pids, refused, a.last_day)
        got, repeated = read_got(a.got)
    except (Unusable, OSError, EOFError) as e:
        print(e, file=sys.stderr)
        return 2
    forbidden = {pids[u] for u in refused if u in pids}
    different = compare(want, got, forbidden, a.show)
    print(f"events counted {sum(want.values())} of {len(events) + nobody}, stored {sum(got.values())}, shift {shift} days")
    print(f"people {len({k[0] for k in want})}, refused {len(refused)}, rows of the refused {sum(k[0] in forbidden for k in got)}")
    if repeated:
        print(f"rows that repeat a key, added up: {repeated}")
    print(f"keys compared {len(want.keys() | got.keys())}, differences {len(different)}")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
