package embedded

import "dossierledger/infra/eventstore"

// matcher is a Filter made ready to test raw records.
type matcher struct {
	filter eventstore.Filter
	all    bool
}

func newMatcher(f eventstore.Filter) matcher {
	return matcher{filter: f, all: len(f.StreamPrefixes) == 0 && len(f.TypePrefixes) == 0 &&
		f.StreamPattern == nil && f.TypePattern == nil}
}

func (m *matcher) matches(r *record) bool {
	if m.all {
		return true
	}
	f := &m.filter
	return anyPrefix(r.stream, f.StreamPrefixes) && anyPrefix(r.kind, f.TypePrefixes) &&
		(f.StreamPattern == nil || f.StreamPattern.Match(r.stream)) &&
		(f.TypePattern == nil || f.TypePattern.Match(r.kind))
}

func anyPrefix(name []byte, prefixes []string) bool {
	if len(prefixes) == 0 {
		return true
	}
	for _, p := range prefixes {
		if len(name) >= len(p) && string(name[:len(p)]) == p {
			return true
		}
	}
	return false
}
