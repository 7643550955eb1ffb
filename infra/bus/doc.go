// Package bus carries events from the store to those who work on them, as
// Watermill messages: one message is one ordered page of events.
//
// # What a message is
//
// A page holds what has come since the page before: up to some thousands of
// events while a consumer catches up, one or two when it is live, with no delay
// added. Messages of one subscription come one at a time and in order. Ack moves
// on; Nack brings the same page again, and nothing else in between. Where to
// begin is the consumer's to say, so that its checkpoint can be kept together
// with what it wrote; redelivery after a crash is therefore normal.
//
// The page itself travels in the message's context (PageOf). The message's
// payload and metadata name its place in the log, so that a consumer that has
// only the message can read the page from the store.
//
// A page without events says that everything up to its position was filtered
// out, so that a checkpoint can move over what the consumer does not care for.
//
// A Publisher is the way in for programs that speak Watermill, a message an event;
// what concerns dossiers comes through commands. A GroupSubscriber shares a topic
// among competing consumers, where order does not matter.
//
// # What is lost
//
// Nothing: the bus keeps no state. If the process dies, what was not covered by
// the consumer's checkpoint is delivered again. If the subscription to the store
// breaks, it is opened again behind the last event that was read, with growing
// pauses, for ever; what was read before stays in its place.
package bus
