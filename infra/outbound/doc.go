// Package outbound delivers events to receivers outside the ledger, as CloudEvents:
// a Runner for each receiver follows the log and hands each event that the
// receiver's Filter selects to a Sender.
//
// # What is promised
//
// At least once: an event is passed over only after the Sender said that the
// receiver has it, or a person decided to skip it. In order of a key, which is a
// dossier with its notices and looks: nothing of a key is sent while something
// before it has not been delivered. A key that fails is behind, is tried again with
// growing pauses, and holds up no other. What is tried often or long enough is
// given up: it waits, with all that follows of its key, until a person has it sent
// again (package delivery). When nothing gets through any more, the receiver is
// taken to be away: the log itself is then the queue, and only one event at a time
// is tried until one gets through.
//
// # What is kept, and what is lost
//
// How far a receiver has come is an event of the ledger, written every some
// seconds and when the Runner stops. What was delivered after the last one is
// delivered again after a crash, with the same id. The write expects the stream as
// this Runner left it, so that of two Runners for one receiver one ends
// (ErrSuperseded) as soon as both have written.
//
// # Personal values
//
// They are left out, but for their person's pseudonym, unless the receiver has the
// right to them (Config.Purpose). Then each event that shows any is preceded by a
// look on record, which the person can see. Persons who were erased come as erased.
package outbound
