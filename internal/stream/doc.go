// Package stream is the project's one road to Apache Kafka.
//
// In come records and the names of topics; out go acknowledged offsets,
// assigned partitions, fetched records and fenced commits. No other package
// imports a Kafka client, and nothing here knows what a record means.
//
// The library is segmentio/kafka-go: its Transport routes produce requests,
// its ConsumerGroup runs the membership, its Client creates topics and commits
// offsets. Four things it lacks are spoken directly, with the message types of
// franz-go's kmsg over connections made by the same Dial, TLS and SASL
// settings (see wire): topic ids, DeleteRecords, offsets by time, and a fetch
// that shows a record's key and timestamp without allocating
// (kafka.Batch.Read gives the value alone, ReadMessage allocates both).
//
// The embedded broker (package embedded) is reached by the same code through
// Config.Dial.
package stream
