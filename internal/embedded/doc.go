// Package embedded runs a small Kafka broker inside this process, so that one
// binary on one machine needs nothing beside it.
//
// In comes a folder; out goes a stream.Config that reaches the broker by the
// same client code as a cluster. The broker is franz-go's kfake with its log on
// disk. It is a test double by birth, and its traps are fenced here:
//
//   - A request it does not know crashes the process, so it listens on a unix
//     socket in a folder that only this user may enter, never on TCP.
//   - Once a partition's log is empty, a restart begins at offset 0 again, and
//     compaction rewrites a log in place: a kill meanwhile loses records. So
//     retention and compaction are taken out of every request that creates a
//     topic, and Janitor deletes records instead, never the last one.
//   - It forgets a group's offsets seven days after the last member left. They
//     are where exactly-once resumes, so that is set to the greatest time there is.
//   - After a kill its log of commits can end in half an entry, behind which
//     later commits are lost at the next start. An unclean stop is noticed by a
//     marker file, and the broker is opened, closed and opened again: a clean
//     close rewrites that log.
//   - It refuses session timeouts below 6 s unless told otherwise.
//   - The sequences of idempotent producers do not outlive a kill. Producers
//     ask for a new id when they start, so a resend across a kill is not
//     recognised; there is none, since the producer dies with the broker.
//   - It does not report a failed write of a commit. Room says ErrFull while
//     there is still space on the disk for commits.
//   - Its start reads the whole log into memory, so the log has a limit (Room).
//
// Durability: a produce or a commit is acknowledged after write(2), so it
// survives the death of the process (kill -9) but not of the machine: nothing
// is synced unless Config.Sync is set, which syncs each batch before its
// acknowledgement.
package embedded
