CREATE DATABASE IF NOT EXISTS sluice;

CREATE TABLE IF NOT EXISTS sluice.ev_service
(
    `tenant` LowCardinality(String) COMMENT 'whose event it is',
    `ts` DateTime('UTC') COMMENT 'time of the event, cut to the purpose\'s grain' CODEC(Delta(4), ZSTD(1)),
    `pid` FixedString(16) COMMENT 'pseudonym of the person under this purpose; zero bytes: none' CODEC(ZSTD(1)),
    `row_id` FixedString(16) COMMENT 'id of the row under this purpose' CODEC(NONE),
    `session` FixedString(16) COMMENT 'visit under this purpose; zero bytes: none' CODEC(ZSTD(1)),
    `seq` UInt32 COMMENT 'order within the visit' CODEC(T64, ZSTD(1)),
    `batch` FixedString(16) COMMENT 'insert that brought the row' CODEC(ZSTD(1)),
    `is_bot` Bool COMMENT 'the user agent names a robot',
    `event` LowCardinality(String) COMMENT 'name of the event',
    `src` Enum8('given' = 1, 'observed' = 2, 'derived' = 3) COMMENT 'given by the person, observed, or derived',
    `policy_rev` UInt32 COMMENT 'policy revision the row was made under' CODEC(ZSTD(1)),
    `consent_rev` UInt64 COMMENT 'revision of the person\'s consent; all ones: granted by the message itself' CODEC(ZSTD(1)),
    `item_id` String COMMENT 'the thing the event is about' CODEC(ZSTD(1)),
    `ok` Bool,
    `method` String CODEC(ZSTD(1)),
    `severity` Enum8('' = 0, 'trace' = 1, 'debug' = 2, 'info' = 3, 'warn' = 4, 'error' = 5, 'fatal' = 6),
    `app_version` String CODEC(ZSTD(1)),
    `device_os` LowCardinality(String) COMMENT 'operating system and major version',
    `device_model` LowCardinality(String) COMMENT 'tier of the device model',
    `device_screen` LowCardinality(String) COMMENT 'bucket of the screen size',
    `device_ua` LowCardinality(String) COMMENT 'browser family',
    `device_lang` LowCardinality(String) COMMENT 'primary language',
    `page` String COMMENT 'path of the page, ids replaced by :id' CODEC(ZSTD(1)),
    CONSTRAINT has_basis CHECK policy_rev > 0
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (tenant, pid, ts)
TTL ts + toIntervalDay(30)
SETTINGS old_parts_lifetime = 60, non_replicated_deduplication_window = 28800, merge_with_ttl_timeout = 86400, ttl_only_drop_parts = 0
COMMENT 'purpose service, basis contract, clause GDPR 6(1)(b), kept 30 days';

CREATE TABLE IF NOT EXISTS sluice.ev_analytics
(
    `tenant` LowCardinality(String) COMMENT 'whose event it is',
    `ts` DateTime('UTC') COMMENT 'time of the event, cut to the purpose\'s grain' CODEC(Delta(4), ZSTD(1)),
    `pid` FixedString(16) COMMENT 'pseudonym of the person under this purpose; zero bytes: none' CODEC(ZSTD(1)),
    `row_id` FixedString(16) COMMENT 'id of the row under this purpose' CODEC(NONE),
    `session` FixedString(16) COMMENT 'visit under this purpose; zero bytes: none' CODEC(ZSTD(1)),
    `seq` UInt32 COMMENT 'order within the visit' CODEC(T64, ZSTD(1)),
    `batch` FixedString(16) COMMENT 'insert that brought the row' CODEC(ZSTD(1)),
    `is_bot` Bool COMMENT 'the user agent names a robot',
    `event` LowCardinality(String) COMMENT 'name of the event',
    `src` Enum8('given' = 1, 'observed' = 2, 'derived' = 3) COMMENT 'given by the person, observed, or derived',
    `policy_rev` UInt32 COMMENT 'policy revision the row was made under' CODEC(ZSTD(1)),
    `consent_rev` UInt64 COMMENT 'revision of the person\'s consent; all ones: granted by the message itself' CODEC(ZSTD(1)),
    `item_id` String COMMENT 'the thing the event is about' CODEC(ZSTD(1)),
    `ok` Bool,
    `method` String CODEC(ZSTD(1)),
    `device_os` LowCardinality(String) COMMENT 'operating system and major version',
    `device_model` LowCardinality(String) COMMENT 'tier of the device model',
    `device_screen` LowCardinality(String) COMMENT 'bucket of the screen size',
    `device_ua` LowCardinality(String) COMMENT 'browser family',
    `device_lang` LowCardinality(String) COMMENT 'primary language',
    `page` String COMMENT 'path of the page, ids replaced by :id' CODEC(ZSTD(1)),
    `ref_host` LowCardinality(String) COMMENT 'host the visit came from',
    `ref_channel` LowCardinality(String) COMMENT 'search, social, mail, ad, internal or other',
    `campaign_source` LowCardinality(String) COMMENT 'utm_source',
    `campaign_medium` LowCardinality(String) COMMENT 'utm_medium',
    `campaign_name` LowCardinality(String) COMMENT 'utm_campaign',
    `campaign_term` String COMMENT 'utm_term' CODEC(ZSTD(1)),
    `campaign_content` String COMMENT 'utm_content' CODEC(ZSTD(1)),
    `geo` LowCardinality(String) COMMENT 'code or cell of the place',
    `geo_level` Enum8('none' = 0, 'country' = 1, 'province' = 2, 'city' = 3, 'cell4' = 4, 'cell5' = 5, 'cell6' = 6) COMMENT 'how fine the place is',
    `geo_map` UInt32 COMMENT 'version of the cell map it was cut with' CODEC(ZSTD(1)),
    `props` JSON(max_dynamic_paths=64) COMMENT 'undeclared properties, texts scrubbed',
    CONSTRAINT has_basis CHECK (policy_rev > 0) AND (consent_rev > 0),
    CONSTRAINT geo_cap CHECK (geo_level <= 'cell5') AND (length(geo) <= 6)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (tenant, pid, ts)
TTL ts + toIntervalDay(180)
SETTINGS old_parts_lifetime = 60, non_replicated_deduplication_window = 28800, merge_with_ttl_timeout = 86400, ttl_only_drop_parts = 0, min_bytes_for_wide_part = 268435456
COMMENT 'purpose analytics, basis consent, clause GDPR 6(1)(a), kept 180 days';

CREATE TABLE IF NOT EXISTS sluice.ev_security
(
    `tenant` LowCardinality(String) COMMENT 'whose event it is',
    `ts` DateTime('UTC') COMMENT 'time of the event, cut to the purpose\'s grain' CODEC(Delta(4), ZSTD(1)),
    `pid` FixedString(16) COMMENT 'pseudonym of the person under this purpose; zero bytes: none' CODEC(ZSTD(1)),
    `row_id` FixedString(16) COMMENT 'id of the row under this purpose' CODEC(NONE),
    `session` FixedString(16) COMMENT 'visit under this purpose; zero bytes: none' CODEC(ZSTD(1)),
    `seq` UInt32 COMMENT 'order within the visit' CODEC(T64, ZSTD(1)),
    `batch` FixedString(16) COMMENT 'insert that brought the row' CODEC(ZSTD(1)),
    `is_bot` Bool COMMENT 'the user agent names a robot',
    `event` LowCardinality(String) COMMENT 'name of the event',
    `src` Enum8('given' = 1, 'observed' = 2, 'derived' = 3) COMMENT 'given by the person, observed, or derived',
    `policy_rev` UInt32 COMMENT 'policy revision the row was made under' CODEC(ZSTD(1)),
    `consent_rev` UInt64 COMMENT 'revision of the person\'s consent; all ones: granted by the message itself' CODEC(ZSTD(1)),
    `item_id` String COMMENT 'the thing the event is about' CODEC(ZSTD(1)),
    `ok` Bool,
    `method` String CODEC(ZSTD(1)),
    `ip_net` String COMMENT 'network the address lies in' CODEC(ZSTD(1)),
    `ip_mac` FixedString(16) COMMENT 'keyed hash of the address, the key lives a day' CODEC(ZSTD(1)),
    `ip_sealed` String COMMENT 'address sealed for two officers' CODEC(ZSTD(1)),
    `device_os` LowCardinality(String) COMMENT 'operating system and major version',
    `device_model` LowCardinality(String) COMMENT 'tier of the device model',
    `device_screen` LowCardinality(String) COMMENT 'bucket of the screen size',
    `device_ua` LowCardinality(String) COMMENT 'browser family',
    `device_lang` LowCardinality(String) COMMENT 'primary language',
    `dev` FixedString(16) COMMENT 'pseudonym of the installation' CODEC(ZSTD(1)),
    `rule` String CODEC(ZSTD(1)),
    `geo` LowCardinality(String) COMMENT 'code or cell of the place',
    `geo_level` Enum8('none' = 0, 'country' = 1, 'province' = 2, 'city' = 3, 'cell4' = 4, 'cell5' = 5, 'cell6' = 6) COMMENT 'how fine the place is',
    `geo_map` UInt32 COMMENT 'version of the cell map it was cut with' CODEC(ZSTD(1)),
    CONSTRAINT has_basis CHECK policy_rev > 0,
    CONSTRAINT geo_cap CHECK (geo_level <= 'country') AND (length(geo) <= 6)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (tenant, pid, ts)
TTL ts + toIntervalDay(90)
SETTINGS old_parts_lifetime = 60, non_replicated_deduplication_window = 28800, merge_with_ttl_timeout = 86400, ttl_only_drop_parts = 0
COMMENT 'purpose security, basis legitimate_interest, clause GDPR 6(1)(f), kept 90 days';

CREATE TABLE IF NOT EXISTS sluice.ev_personalize
(
    `tenant` LowCardinality(String) COMMENT 'whose event it is',
    `ts` DateTime('UTC') COMMENT 'time of the event, cut to the purpose\'s grain' CODEC(Delta(4), ZSTD(1)),
    `pid` FixedString(16) COMMENT 'pseudonym of the person under this purpose; zero bytes: none' CODEC(ZSTD(1)),
    `row_id` FixedString(16) COMMENT 'id of the row under this purpose' CODEC(NONE),
    `session` FixedString(16) COMMENT 'visit under this purpose; zero bytes: none' CODEC(ZSTD(1)),
    `seq` UInt32 COMMENT 'order within the visit' CODEC(T64, ZSTD(1)),
    `batch` FixedString(16) COMMENT 'insert that brought the row' CODEC(ZSTD(1)),
    `is_bot` Bool COMMENT 'the user agent names a robot',
    `event` LowCardinality(String) COMMENT 'name of the event',
    `src` Enum8('given' = 1, 'observed' = 2, 'derived' = 3) COMMENT 'given by the person, observed, or derived',
    `policy_rev` UInt32 COMMENT 'policy revision the row was made under' CODEC(ZSTD(1)),
    `consent_rev` UInt64 COMMENT 'revision of the person\'s consent; all ones: granted by the message itself' CODEC(ZSTD(1)),
    `item_id` String COMMENT 'the thing the event is about' CODEC(ZSTD(1)),
    `page` String COMMENT 'path of the page, ids replaced by :id' CODEC(ZSTD(1)),
    `ref_host` LowCardinality(String) COMMENT 'host the visit came from',
    `ref_channel` LowCardinality(String) COMMENT 'search, social, mail, ad, internal or other',
    `campaign_source` LowCardinality(String) COMMENT 'utm_source',
    `campaign_medium` LowCardinality(String) COMMENT 'utm_medium',
    `campaign_name` LowCardinality(String) COMMENT 'utm_campaign',
    `campaign_term` String COMMENT 'utm_term' CODEC(ZSTD(1)),
    `campaign_content` String COMMENT 'utm_content' CODEC(ZSTD(1)),
    `device_os` LowCardinality(String) COMMENT 'operating system and major version',
    `device_model` LowCardinality(String) COMMENT 'tier of the device model',
    `device_screen` LowCardinality(String) COMMENT 'bucket of the screen size',
    `device_ua` LowCardinality(String) COMMENT 'browser family',
    `device_lang` LowCardinality(String) COMMENT 'primary language',
    `geo` LowCardinality(String) COMMENT 'code or cell of the place',
    `geo_level` Enum8('none' = 0, 'country' = 1, 'province' = 2, 'city' = 3, 'cell4' = 4, 'cell5' = 5, 'cell6' = 6) COMMENT 'how fine the place is',
    `geo_map` UInt32 COMMENT 'version of the cell map it was cut with' CODEC(ZSTD(1)),
    `props` JSON(max_dynamic_paths=64) COMMENT 'undeclared properties, texts scrubbed',
    CONSTRAINT has_basis CHECK (policy_rev > 0) AND (consent_rev > 0),
    CONSTRAINT geo_cap CHECK (geo_level <= 'cell5') AND (length(geo) <= 6)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (tenant, pid, ts)
TTL ts + toIntervalDay(180)
SETTINGS old_parts_lifetime = 60, non_replicated_deduplication_window = 28800, merge_with_ttl_timeout = 86400, ttl_only_drop_parts = 0, min_bytes_for_wide_part = 268435456
COMMENT 'purpose personalize, basis consent, clause GDPR 6(1)(a), kept 180 days';

CREATE TABLE IF NOT EXISTS sluice.ev_device_log
(
    `tenant` LowCardinality(String) COMMENT 'whose event it is',
    `ts` DateTime('UTC') COMMENT 'time of the event, cut to the purpose\'s grain' CODEC(Delta(4), ZSTD(1)),
    `pid` FixedString(16) COMMENT 'pseudonym of the person under this purpose; zero bytes: none' CODEC(ZSTD(1)),
    `row_id` FixedString(16) COMMENT 'id of the row under this purpose' CODEC(NONE),
    `session` FixedString(16) COMMENT 'visit under this purpose; zero bytes: none' CODEC(ZSTD(1)),
    `seq` UInt32 COMMENT 'order within the visit' CODEC(T64, ZSTD(1)),
    `batch` FixedString(16) COMMENT 'insert that brought the row' CODEC(ZSTD(1)),
    `is_bot` Bool COMMENT 'the user agent names a robot',
    `event` LowCardinality(String) COMMENT 'name of the event',
    `src` Enum8('given' = 1, 'observed' = 2, 'derived' = 3) COMMENT 'given by the person, observed, or derived',
    `policy_rev` UInt32 COMMENT 'policy revision the row was made under' CODEC(ZSTD(1)),
    `consent_rev` UInt64 COMMENT 'revision of the person\'s consent; all ones: granted by the message itself' CODEC(ZSTD(1)),
    `item_id` String COMMENT 'the thing the event is about' CODEC(ZSTD(1)),
    `severity` Enum8('' = 0, 'trace' = 1, 'debug' = 2, 'info' = 3, 'warn' = 4, 'error' = 5, 'fatal' = 6),
    `logger` String CODEC(ZSTD(1)),
    `body` String CODEC(ZSTD(1)),
    `exc_type` String CODEC(ZSTD(1)),
    `app_version` String CODEC(ZSTD(1)),
    `device_os` LowCardinality(String) COMMENT 'operating system and major version',
    `device_model` LowCardinality(String) COMMENT 'tier of the device model',
    `device_screen` LowCardinality(String) COMMENT 'bucket of the screen size',
    `device_ua` LowCardinality(String) COMMENT 'browser family',
    `device_lang` LowCardinality(String) COMMENT 'primary language',
    `props` JSON(max_dynamic_paths=64) COMMENT 'undeclared properties, texts scrubbed',
    CONSTRAINT has_basis CHECK (policy_rev > 0) AND (consent_rev > 0)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (tenant, pid, ts)
TTL ts + toIntervalDay(30)
SETTINGS old_parts_lifetime = 60, non_replicated_deduplication_window = 28800, merge_with_ttl_timeout = 86400, ttl_only_drop_parts = 0, min_bytes_for_wide_part = 268435456
COMMENT 'purpose diagnose, basis consent, clause GDPR 6(1)(a), kept 30 days';

CREATE TABLE IF NOT EXISTS sluice.sluice_account
(
    `batch` FixedString(16) COMMENT 'of the rows, else of the account rows themselves' CODEC(ZSTD(1)),
    `ts` DateTime('UTC') COMMENT 'when the range was processed' CODEC(Delta(4), ZSTD(1)),
    `kind` LowCardinality(String) COMMENT 'accepted, stored, dropped, rejected, rows, withheld',
    `event` LowCardinality(String) COMMENT 'declared name, or other',
    `key` LowCardinality(String) COMMENT 'store, reason, or store:reason',
    `n` UInt64 CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (kind, event, key, ts)
SETTINGS old_parts_lifetime = 60, non_replicated_deduplication_window = 28800
COMMENT 'what became of every event the log accepted';

CREATE TABLE IF NOT EXISTS sluice.sluice_schema
(
    `ts` DateTime('UTC'),
    `policy` String,
    `rev` UInt32,
    `hash` String COMMENT 'SHA-256 of the policy file, hex',
    `steps` UInt32
)
ENGINE = MergeTree
ORDER BY (policy, rev, ts)
COMMENT 'schemas applied here';

CREATE TABLE IF NOT EXISTS sluice.agg_pid_item_day
(
    `tenant` LowCardinality(String),
    `pid` FixedString(16) CODEC(ZSTD(1)),
    `item_id` String CODEC(ZSTD(1)),
    `day` Date,
    `n` SimpleAggregateFunction(sum, UInt64) COMMENT 'events' CODEC(ZSTD(1)),
    `last` SimpleAggregateFunction(max, DateTime('UTC')) CODEC(ZSTD(1)),
    `dur` SimpleAggregateFunction(sum, UInt64) COMMENT 'time spent [ms]' CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, pid, item_id, day)
TTL day + toIntervalDay(365)
SETTINGS old_parts_lifetime = 60, non_replicated_deduplication_window = 28800, merge_with_ttl_timeout = 86400, ttl_only_drop_parts = 0
COMMENT 'class A from personalize: what a person did with an item, by day';

CREATE TABLE IF NOT EXISTS sluice.agg_item_day
(
    `tenant` LowCardinality(String),
    `item_id` String CODEC(ZSTD(1)),
    `day` Date,
    `n` UInt64 COMMENT 'events' CODEC(ZSTD(1)),
    `people` UInt64 COMMENT 'different people on that day' CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY day
ORDER BY (tenant, item_id)
TTL day + toIntervalDay(180)
SETTINGS old_parts_lifetime = 60, ttl_only_drop_parts = 1
COMMENT 'class B from personalize: how popular an item was, by day';

CREATE TABLE IF NOT EXISTS sluice.agg_item_item
(
    `tenant` LowCardinality(String),
    `item_a` String CODEC(ZSTD(1)),
    `item_b` String CODEC(ZSTD(1)),
    `day` Date,
    `people` UInt64 COMMENT 'who saw both' CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY day
ORDER BY (tenant, item_a, item_b)
TTL day + toIntervalDay(30)
SETTINGS old_parts_lifetime = 60, ttl_only_drop_parts = 1
COMMENT 'class B from personalize: items seen by the same people on the same day';

CREATE TABLE IF NOT EXISTS sluice.recs
(
    `tenant` LowCardinality(String),
    `pid` FixedString(16),
    `made` DateTime('UTC'),
    `model` LowCardinality(String) COMMENT 'what computed them',
    `items` Array(String) COMMENT 'best first' CODEC(ZSTD(1)),
    `scores` Array(Float32) CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(made)
ORDER BY (tenant, pid)
TTL made + toIntervalDay(30)
SETTINGS old_parts_lifetime = 60, non_replicated_deduplication_window = 28800, merge_with_ttl_timeout = 86400, ttl_only_drop_parts = 0
COMMENT 'class A from personalize: recommendations, read with FINAL';

CREATE MATERIALIZED VIEW IF NOT EXISTS sluice.agg_pid_item_day_mv TO sluice.agg_pid_item_day AS SELECT tenant, pid, item_id, toDate(ts) AS day, count() AS n, max(ts) AS last, toUInt64(0) AS dur FROM sluice.ev_personalize WHERE (item_id != '') AND (pid != toFixedString('', 16)) AND (NOT is_bot) GROUP BY tenant, pid, item_id, day;

CREATE OR REPLACE VIEW sluice.agg_pid_item_score AS SELECT tenant, pid, item_id, sum(n * exp2(dateDiff('day', {as_of:Date}, day) / {half_life:Float64})) AS score, sum(n) AS events, max(last) AS last_seen FROM sluice.agg_pid_item_day WHERE day <= {as_of:Date} GROUP BY tenant, pid, item_id;

