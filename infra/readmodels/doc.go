// Package readmodels keeps the tables in ClickHouse in step with the log of
// events: it runs projections, writes their rows, keeps their checkpoints,
// rebuilds tables beside the live ones, and checks tables against the log.
//
// # The order of writing
//
// A page of events becomes at most one insert for each table; when all have
// succeeded, the checkpoint is written. Each phase can be the last before a
// crash:
//
//  1. before an insert: nothing happened, the page comes again.
//  2. between inserts, or before the checkpoint: the page comes again, and its
//     rows replace themselves, since key, version and content are the same.
//  3. after the checkpoint: the page is done.
//
// That holds for a process that dies. A ClickHouse server does not sync what it
// writes unless its tables say so (fsync_after_insert), so a machine that loses
// power can lose rows and keep the checkpoint behind them. Verify finds that, and a
// rebuild mends it: the log itself is always synced. The embedded engine syncs, and
// what it could not write has its tables made anew, checkpoints and all.
//
// # When something is wrong
//
// ClickHouse away or overloaded: the projection waits, tries again with growing
// pauses, and goes on by itself. Nothing else of the ledger notices, commands
// least of all.
//
// An event that cannot be decoded, folded or written: it is tried again a few
// times, by itself, after everything before it was written; then the projection
// halts before it and says where it stands, why, and what can be done. It never
// skips an event by itself. Other projections go on.
//
// # Rebuilding
//
// A rebuild fills tables beside the live ones from the beginning of the log,
// compares them with the log, catches up, swaps each table in one step and
// drops the old. Readers see the old rows or the new, never a part. A rebuild
// that breaks off leaves the live tables as they were; the next one clears up.
package readmodels
