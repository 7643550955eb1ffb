// Package embedded is the event store that needs no server: one directory, one
// process, Pebble underneath. It implements eventstore.Store.
//
// # Guarantees
//
//   - Append answers only after the batch has been synced to disk. A batch is
//     there whole or not at all; an acknowledged batch is there exactly once.
//   - Positions rise by one from 0 over the whole ledger; a missing position is
//     damage and is reported as eventstore.ErrCorrupt, never skipped.
//   - Readers and subscriptions see only what is synced, in order of position.
//     What somebody has read can therefore not disappear in a crash.
//   - RecordedAt never goes back, also when the machine's clock does.
//   - Every record carries a CRC-32C over its content, place and stream; a
//     record that fails it is reported with its place and never served.
//   - Damage that makes the engine drop the end of its log is noticed too: up to
//     where the ledger was synced is noted beside it (file SYNCED, brought up to
//     date every 100 ms and by Close), and a store that ends before it does not open.
//   - One process holds the directory; a second gets eventstore.ErrLocked.
//
// # What is lost if the process dies
//
// An append passes these phases:
//
//  1. queued: nothing is on disk. The batch is lost; nobody was told otherwise.
//  2. taken by the committer, which checks the expectation, assigns revision
//     and position and hands the group to Pebble's write-ahead log: the batch
//     is lost or, if the log's bytes reached the disk, kept whole. Nobody was
//     told; repeating it with the same ids gives the right answer either way.
//  3. synced: kept. The caller may not have heard of it; repeating it with the
//     same ids answers Repeated.
//  4. answered: kept.
//
// Indexes are in the same Pebble batch as the records, so that there is no
// state in which one is ahead of the other, and nothing to repair at start.
//
// # Filling a store from another one
//
// An Import writes a whole log with ids and times of its own into a directory
// that nobody else has open, without a write-ahead log. Until it is finished, no
// Store opens the directory. The times are then those of the other ledger, and
// rise if they rose there.
//
// # When the disk is full or fails
//
// Below a reserve of free space appends are refused with eventstore.ErrFull.
// If the disk fills up nevertheless, the write-ahead log waits for room instead
// of failing, appends on their way are answered with ErrFull (nothing is
// acknowledged; their outcome is settled when there is room), and the store
// goes on by itself when room is made. Any other write error of the log freezes
// the store: appends are refused until it is opened again, reads go on.
//
// # Layout
//
// Keys, big-endian:
//
//	f                          format version; "u" behind it in an unfinished Import
//	r position(8)              record, see encodeRecord
//	s stream(5) revision(5)    last position of a batch, its size; key is its last revision
//	i event id(16)             position
//	n name                     the stream's number
package embedded
