// Package queries answers questions from the read models: one file per question
// that somebody asks. Nothing here writes.
//
// Questions about one dossier are answered from its own events, so that the
// answer holds everything that was acknowledged before. Lists and figures come
// from the read models.
//
// Read models follow the events by some milliseconds. Each question is asked of
// one table where that is possible, so that one answer does not mix two moments.
package queries
