// Package backup keeps copies of a ledger's events and of its keys in a folder or
// a bucket, and reads them again.
//
// # Events
//
// A backup of events is a chain. What is new since the last run goes into
// segments, each hashed (SHA-256) as it lies there; manifests name them in order.
//
//	backup.json                       says that events, not keys, lie here
//	segments/FIRST-HASH.zst           events from number FIRST on, package framing in Zstandard
//	manifests/NUMBER.json             the segments that a run added, the hash of the manifest
//	                                  before it, and its own
//
// Nothing that was written is changed or removed by a later run. A segment counts
// from when a manifest names it; what a run that was killed has left over is used
// by the next one or ignored. A run that adds much writes a manifest now and then,
// so that a killed one has not worked for nothing. At any moment the chain is a
// beginning of the ledger.
//
// Each segment carries two hashes: that of its bytes, and the eventstore.Digest of
// its events as the store gave them, before they were encoded. The digests are
// chained: a segment's Chain is the hash of the one before and its own digest, so
// that it stands for everything up to there.
//
// The hashes find what was damaged or lost. Who can write to the place can make
// other hashes: keep it from those who can write to the ledger.
//
// # Keys
//
// A backup of keys is a snapshot of all of them, wrapped as the vault keeps them,
// and opens nothing without the master key. It is not incremental, so that old
// snapshots, which still hold keys of persons who were erased since, can be removed
// as a whole. Keys and events never lie in one place.
//
//	backup.json                       says that keys lie here
//	snapshots/TIME/NUMBER.zst         keys, one JSON document a line, in Zstandard
//	snapshots/TIME/manifest.json      names and hashes of these; without it the snapshot does not count
package backup
