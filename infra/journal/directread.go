package journal

import "dossierledger/domain/event"

// Metadata are of every event, and are read as they are written: directly, member
// by member. At anything that is not the stored form encoding/json decides: what
// is read here, it reads as the same.

// readMetadata reads metadata; ok is false where encoding/json is to do it.
func readMetadata(data []byte) (m event.Metadata, ok bool) {
	in := formOf(data)
	defer in.done()
	in.expect(`{"actor":{`)
	if m.Actor.Agency, ok = in.optional(`"agency":"`); ok {
		in.expect(`,`)
	}
	if m.Actor.Department, ok = in.optional(`"department":"`); ok {
		in.expect(`,`)
	}
	in.expect(`"id":"`)
	m.Actor.ID = in.text()
	in.expect(`,"role":"`)
	m.Actor.Role = event.Role(in.text())
	in.expect(`}`)
	m.Causation, _ = in.optional(`,"causation":"`)
	m.Correlation, _ = in.optional(`,"correlation":"`)
	in.expect(`,"occurred_at":"`)
	in.time(&m.OccurredAt)
	m.Request, _ = in.optional(`,"request":"`)
	m.Span, _ = in.optional(`,"span":"`)
	m.Trace, _ = in.optional(`,"trace":"`)
	in.expect(`}`)
	return m, in.whole()
}
