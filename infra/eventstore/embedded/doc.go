// Package embedded is the event store that needs no server: one directory, one
// process. A log of segment files is the truth; Pebble underneath holds an index
// of it. It implements eventstore.Store.
//
// # Guarantees
//
//   - Append answers only after the batch has been synced to disk. A batch is
//     there whole or not at all, and so are batches that were appended together; an
//     acknowledged batch is there exactly once.
//   - Positions rise by one from 0 over the whole ledger; a missing position is
//     damage and is reported as eventstore.ErrCorrupt, never skipped.
//   - Readers and subscriptions see only what is synced, in order of position.
//     What somebody has read can therefore not disappear in a crash.
//   - RecordedAt never goes back, also when the machine's clock does.
//   - Every record carries a CRC-32C over its content, place and stream, begun
//     with the log's own seed; a record that fails it is reported with its position,
//     segment and offset and never served.
//   - Acknowledged events that are missing at the log's end are noticed: up to where
//     the log was synced is noted beside it (file SYNCED, brought up to date every
//     100 ms and by Close), a record says which group it was written with, so that
//     one of a later group shows that everything before was synced, and a store that
//     ends before either does not open.
//   - One process holds the directory; a second gets eventstore.ErrLocked.
//
// # What is lost if the process dies
//
// An append passes these phases:
//
//  1. queued: nothing is on disk. The batch is lost; nobody was told otherwise.
//  2. taken by the committer, which checks the expectation, assigns revision
//     and position and hands the group to the writer: the batch is lost or, if its
//     bytes reached the disk, kept whole. Nobody was told; repeating it with the
//     same ids gives the right answer either way.
//  3. synced: kept. The caller may not have heard of it; repeating it with the
//     same ids answers Repeated.
//  4. answered: kept. The index is told of it in the next moments; a reader of a
//     stream waits for that.
//
// At opening the records behind the last whole batch are wiped: a crash tore their
// write off, and nobody was told of them. Those that may be in the machine's memory
// only are written again and synced before they are served.
//
// # The index
//
// It is never the truth. It is written without a log of its own, so that a crash
// loses its last part; it knows up to where it is whole, and at opening is told of
// the log behind that, some 130,000 events and what was on its way at most. An index
// that is missing, damaged, of another version, or another log's is made again from
// the log. Where damage is noticed while the store is open, the reader gets
// eventstore.ErrCorrupt, and the index is made again at the next opening.
//
// Event ids are found by fingerprints of 39 bits, in tables of many positions each,
// with a filter in memory that says nearly always that an id is new. Tables of about
// the same size are put together, so that there are few. What a table says of an id
// is held against the record; two ids with one fingerprint cost a look into the log.
// Names of streams are in the same tables, so that a new one is known to be new. The
// positions behind the last table are in memory, and at opening read from the log.
//
// # Filling a store from another one
//
// An Import writes a whole log with ids and times of its own into a directory
// that nobody else has open, and syncs it at the end of a segment and when asked.
// Its index may come to disk before its log: at the next opening what was not synced
// is looked at record by record, and where a loss of power has left a hole, the log
// ends there and the index is made again.
// Until it is finished, no Store opens the directory. The times are then those of
// the other ledger, and rise if they rose there.
//
// # When the disk is full or fails
//
// Below a reserve of free space appends are refused with eventstore.ErrFull.
// If the disk fills up nevertheless, the write of the log waits for room instead
// of failing, appends on their way are answered with ErrFull (nothing is
// acknowledged; their outcome is settled when there is room), and the store
// goes on by itself when room is made. Any other write error of the log freezes
// the store: appends are refused until it is opened again, reads go on.
//
// # Layout
//
//	FORMAT               version of the layout, and whether it is an unfinished Import
//	LOCK                 held by the process that has the store open
//	SYNCED               up to where the log is known to be synced
//	NNN….segment         records from position NNN… on: a header, see segmentHeader,
//	                     then records, see appendRecord; zeros mark the end
//	index/               Pebble
//	marker.format-version.999999.999
//	                     keeps a program of version 1 from beginning a store of its own
//
// Keys of the index, big-endian:
//
//	n name                     the stream's number
//	o position(8)              the record's offset in its segment; one every 32 KiB
//	s stream(5) revision(5)    last position of a batch, offset of its first record, its
//	                           size; the key is its last revision
//	t table(8) chunk(4)        fingerprints and positions from the table's first on, 39 and
//	                           25 bits each
//	u                          of each table number, positions and fingerprints
//	w                          up to where the index has the log, and its layout
//
// A directory of version 1, where Pebble held the records too, is converted when it
// is opened; an index of the first layout, which had a key for each event id, is made
// again.
package embedded
