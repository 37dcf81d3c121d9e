"""Runs clickhouse-connect against the engine. Prints "ok" as its last line if all went well."""

import datetime
import os
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.exceptions import DatabaseError


def check(compress):
    url = urlsplit(os.environ["SLUICE_URL"])
    client = clickhouse_connect.get_client(
        host=url.hostname,
        port=url.port,
        username=os.environ["SLUICE_USER"],
        password=os.environ["SLUICE_PASSWORD"],
        compress=compress,
    )
    assert client.ping()
    table = f"py_{compress}".lower()
    client.command(
        f"CREATE TABLE {table} (id UInt64, s String, lc LowCardinality(String), at DateTime('Asia/Shanghai'), m Map(String, Float64))"
        " ENGINE = MergeTree ORDER BY id"
    )
    at = datetime.datetime(2024, 5, 6, 7, 8, 9, tzinfo=datetime.timezone.utc)
    rows = [[i, f"row {i}\n\n; DROP TABLE {table}", f"k{i % 3}", at, {"a": float(i)}] for i in range(5000)]
    summary = client.insert(table, rows, column_names=["id", "s", "lc", "at", "m"])
    assert summary.written_rows == 5000, summary.written_rows

    result = client.query(f"SELECT id, s, lc, toUnixTimestamp(at), m FROM {table} ORDER BY id")
    assert result.row_count == 5000
    assert result.result_rows[4999] == (4999, rows[4999][1], "k1", int(at.timestamp()), {"a": 4999.0}), result.result_rows[4999]

    one = client.query(
        f"SELECT s FROM {table} WHERE id = {{id:UInt64}} AND s = {{s:String}}",
        parameters={"id": 7, "s": rows[7][1]},
        settings={"max_threads": 1},
    )
    assert one.result_rows == [(rows[7][1],)], one.result_rows

    n = 0
    with client.query_row_block_stream(f"SELECT number FROM numbers(300000)") as stream:
        for block in stream:
            n += len(block)
    assert n == 300000, n

    assert client.query(f"SELECT id FROM {table} WHERE 0").result_rows == []
    raw = client.raw_query(f"SELECT count() FROM {table}", fmt="JSONEachRow")
    assert b"5000" in raw, raw
    client.raw_insert(table, column_names=["id", "s"], insert_block=b"9999,raw\n", fmt="CSV")
    assert client.command(f"SELECT count() FROM {table}") == 5001

    for sql, code in (("SELECT * FROM nowhere", "60"), ("SELECT 1; SELECT 2", "62")):
        try:
            client.query(sql)
        except DatabaseError as e:
            assert code in str(e), e
        else:
            raise AssertionError(sql)

    client.command("CREATE TEMPORARY TABLE t (a UInt8)")
    client.insert("t", [[1], [2]], column_names=["a"])
    assert client.command("SELECT count() FROM t") == 2
    client.close()


for method in (False, "lz4", "zstd", "gzip"):
    check(method)
print("ok")
