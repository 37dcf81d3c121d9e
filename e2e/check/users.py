#!/usr/bin/env python3
"""Lists the users of a course log, one a line, sorted. Nothing here is shared with sluice.

  users.py events.csv.gz
"""
import csv
import gzip
import sys


def main(path):
    with open(path, "rb") as f:
        data = f.read()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    rows = csv.DictReader(data.decode("utf-8-sig", errors="replace").splitlines())
    print("\n".join(sorted({row["user"].strip() for row in rows if row["user"].strip()})))


if __name__ == "__main__":
    main(sys.argv[1])
