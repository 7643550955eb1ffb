// Package projections turns events into the rows of the read models: events in,
// rows out. It does no I/O of its own; what it must look up (the earlier events
// of a dossier) it gets through a small interface.
//
// # The rule that makes redelivery harmless
//
// Every row has a key and a version. The content of a row is a function of the
// dossier's events up to the one that caused it, and its version is the position
// of that event. So the same prefix of a stream gives the same rows with the
// same versions, whatever the pages in which its events came and however often
// they came; of two rows with one key the one with the higher version counts.
//
// # Order in a dossier
//
// A stream is in the order of recording; people and analysts want the order in
// which things happened. Events of a dossier are therefore placed by occurred_at
// (in microseconds) and, among equals, by revision. While events arrive in that
// order each costs constant time. A late one moves the places of those behind
// it; then the dossier is read again from its beginning and every row that
// changed is given out with its new version.
//
// # Names of activities
//
// The activity of an event is the middle of its permanent type name:
// "dossier.supplement-requested.v1" is "supplement-requested". Events of a step
// carry the step too ("step-started: appraisal"), because a map of who follows
// whom in which every step has one name says nothing about the handling. The
// activity of a history taken over is that of its log, untouched.
//
// # Who did it
//
// The resource of an event is the officer's pseudonym, "citizen" for every
// applicant (not even a pseudonym of theirs leaves the dossier's own row),
// "system" for the ledger itself, and for a history taken over what its log
// says, which may be nothing.
package projections
