package outbound

import (
	"slices"
	"strings"

	"dossierledger/domain/access"
	"dossierledger/domain/agency"
	"dossierledger/domain/dossier"
	"dossierledger/domain/policy"
	"dossierledger/domain/procedure"
	"dossierledger/domain/worktime"
)

// Published begins the names of the streams that can be delivered. The others are
// the ledger's own housekeeping.
var Published = []string{
	dossier.StreamPrefix, policy.StreamPrefix, access.StreamPrefix, access.ErasurePrefix,
	procedure.StreamPrefix, procedure.NormStreamPrefix, agency.StreamPrefix, worktime.Stream(""),
}

// aboutDossiers begins the names of the streams of a dossier.
var aboutDossiers = []string{dossier.StreamPrefix, policy.StreamPrefix, access.StreamPrefix}

// dossierOf gives the code of the dossier that a stream is about.
func dossierOf(stream string) (code string, ok bool) {
	for _, prefix := range aboutDossiers {
		if code, ok := strings.CutPrefix(stream, prefix); ok && code != "" {
			return code, true
		}
	}
	return "", false
}

// KeyOf is what order is kept by: the streams of one dossier have one key, which
// is the name of its own stream; other streams are each their own.
func KeyOf(stream string) string {
	if code, ok := dossierOf(stream); ok {
		return dossier.StreamOf(code)
	}
	return stream
}

// KeyNamed gives the key that a person names: a dossier by its code, or any key as
// it is.
func KeyNamed(name string) string {
	if slices.ContainsFunc(Published, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
		return name
	}
	return dossier.StreamOf(name)
}

// streamsOf lists the streams of a key.
func streamsOf(key string) []string {
	code, ok := dossier.CodeOf(key)
	if !ok {
		return []string{key}
	}
	return []string{key, policy.StreamOf(code), access.StreamOf(code)}
}
