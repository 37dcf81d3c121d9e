#!/usr/bin/env python3
"""Counts a web server log in the combined format again: what a replay of it must show.

Nothing here is shared with sluice.

  apache_count.py --log access.log.gz --last-day 2026-12-09 [--zone UTC] [--got got.tsv]

Prints name<TAB>number: lines, page_views, unreadable, referrer_hosts, day:YYYY-MM-DD for
each local day, and info:… for what is told but not compared. With --got, a file of the
same form, every name in it is compared, and every name but info:… must be in it.

info:bots is a rule of thumb (a word in the user agent), not the rule of the pipeline.

Exit status: 0 equal or nothing to compare, 1 different, 2 the input cannot be used.
"""
import argparse
import collections
import datetime
import gzip
import re
import sys
import urllib.parse
import zoneinfo

LINE = re.compile(
    rb'(?P<host>\S+) \S+ \S+ \[(?P<time>[^\]]+)\] "(?P<request>(?:[^"\\]|\\.)*)" '
    rb'(?P<status>\d{3}) (?P<bytes>\d+|-) "(?P<ref>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)"\s*'
)
BOT = re.compile(rb"bot|crawl|spider|slurp|feed|fetch|curl|wget|python|java/|libwww|monitor", re.I)
ODD = "odd"  # a referrer whose host is no plain name


def referrer_host(raw):
    if raw in (b"-", b""):
        return None
    try:
        host = urllib.parse.urlsplit(raw.decode("ascii")).hostname
    except ValueError:
        return ODD
    return host if host and re.fullmatch(r"[a-z0-9._:-]+", host) else ODD


def count(lines, last_day, zone):
    numbers, hosts, times = collections.Counter(), collections.Counter(), []
    for line in lines:
        if not line.strip(b"\r\n"):
            continue
        numbers["lines"] += 1
        m = LINE.fullmatch(line.rstrip(b"\r\n"))
        try:
            if not m or len(m["request"].split(b" ")) < 2:
                raise ValueError
            when = datetime.datetime.strptime(m["time"].decode("ascii"), "%d/%b/%Y:%H:%M:%S %z")
        except ValueError:
            numbers["unreadable"] += 1
            continue
        numbers["page_views"] += 1
        times.append(when.astimezone(zone).date())
        numbers["info:bots"] += bool(BOT.search(m["agent"]))
        numbers["info:no_user_agent"] += m["agent"] == b"-"
        host = referrer_host(m["ref"])
        if host == ODD:
            numbers["info:odd_referrers"] += 1
        elif host:
            hosts[host] += 1
    numbers["unreadable"] += 0
    numbers["referrer_hosts"] = len(hosts)
    numbers["info:with_referrer"] = sum(hosts.values())
    if times:
        shift = last_day - max(times)
        for day, n in collections.Counter(times).items():
            numbers[f"day:{day + shift}"] = n
        numbers["info:shift_days"] = shift.days
    return numbers


def read_got(path):
    got = {}
    with open(path, encoding="utf-8") as f:
        for n, line in enumerate(f, 1):
            if line.strip():
                name, tab, number = line.rstrip("\r\n").partition("\t")
                if not tab or not number.strip().isdigit():
                    raise ValueError(f"got, line {n}: not name<TAB>number")
                got[name] = int(number)
    return got


def main():
    p = argparse.ArgumentParser(description="Counts a web server log.")
    p.add_argument("--log", required=True)
    p.add_argument("--last-day", required=True, type=datetime.date.fromisoformat)
    p.add_argument("--zone", default="UTC", type=zoneinfo.ZoneInfo)
    p.add_argument("--got")
    a = p.parse_args()
    try:
        with open(a.log, "rb") as f:
            data = f.read()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        want = count(data.split(b"\n"), a.last_day, a.zone)
        got = read_got(a.got) if a.got else None
    except (OSError, EOFError, ValueError) as e:
        print(e, file=sys.stderr)
        return 2
    for name in sorted(want):
        print(f"{name}\t{want[name]}")
    if got is None:
        return 0
    names = {n for n in want.keys() | got.keys() if not n.startswith("info:")}
    wrong = sorted(n for n in names if want.get(n) != got.get(n))
    for name in wrong:
        print(f"DIFFERENT {name}: counted {want.get(name)}, got {got.get(name)}")
    print(f"compared {len(names)}, differences {len(wrong)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
