// Package queries answers questions from the read models: one file per question
// that somebody asks. Nothing here writes.
//
// Read models follow the events by some milliseconds. Each question is asked of
// one table where that is possible, so that one answer does not mix two moments.
package queries
