// Runs the official JavaScript client against the engine. Prints "ok" as its last line if all went well.
'use strict'
const assert = require('node:assert')
const { createClient } = require('@clickhouse/client')

async function main() {
  for (const compress of [false, true]) {
    const client = createClient({
      url: process.env.SLUICE_URL,
      username: process.env.SLUICE_USER,
      password: process.env.SLUICE_PASSWORD,
      compression: { request: compress, response: compress },
    })
    const table = compress ? 'js_gzip' : 'js_plain'
    assert.strictEqual((await client.ping()).success, true)
    assert.strictEqual((await client.ping({ select: true })).success, true)
    await client.command({ query: `CREATE TABLE ${table} (id UInt64, s String, at DateTime64(3, 'UTC')) ENGINE = MergeTree ORDER BY id` })
    const rows = Array.from({ length: 5000 }, (_, i) => ({ id: i, s: `row ${i}\n\n; DROP TABLE ${table}`, at: '2024-05-06 07:08:09.123' }))
    const inserted = await client.insert({ table, values: rows, format: 'JSONEachRow' })
    assert.strictEqual(inserted.summary.written_rows, '5000')

    const all = await client.query({ query: `SELECT * FROM ${table} ORDER BY id`, format: 'JSON' })
    const json = await all.json()
    assert.strictEqual(json.rows, 5000)
    assert.deepStrictEqual(json.data[4999], rows[4999])

    const some = await client.query({
      query: `SELECT s FROM ${table} WHERE id = {id: UInt64} AND s = {s: String}`,
      query_params: { id: 7, s: rows[7].s },
      format: 'JSONEachRow',
      clickhouse_settings: { max_threads: 1 },
    })
    assert.deepStrictEqual(await some.json(), [{ s: rows[7].s }])

    let n = 0
    const stream = await client.query({ query: `SELECT id FROM ${table}`, format: 'CSV' })
    for await (const part of stream.stream()) n += part.length
    assert.strictEqual(n, 5000)

    await assert.rejects(client.query({ query: 'SELECT * FROM nowhere' }), (e) => e.code === '60')
    await assert.rejects(client.command({ query: 'SELECT 1; SELECT 2' }), (e) => e.code === '62')
    const late = client.query({ query: 'SELECT throwIf(number = 3000000) FROM numbers(4000000)', format: 'JSONEachRow' })
    await assert.rejects(late.then((r) => r.json()))

    const session = createClient({ url: process.env.SLUICE_URL, username: process.env.SLUICE_USER, password: process.env.SLUICE_PASSWORD, session_id: `js-${compress}` })
    await session.command({ query: 'CREATE TEMPORARY TABLE t (a UInt8)' })
    await session.insert({ table: 't', values: [[1], [2]], format: 'JSONCompactEachRow' })
    const count = await (await session.query({ query: 'SELECT count() AS n FROM t', format: 'JSONEachRow' })).json()
    assert.deepStrictEqual(count, [{ n: 2 }])
    await session.close()
    await client.close()
  }
  console.log('ok')
}

main().catch((e) => {
  console.error(e)
  process.exit(1)
})
