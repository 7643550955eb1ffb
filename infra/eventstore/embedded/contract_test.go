package embedded_test

import (
	"testing"

	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/embedded"
	"dossierledger/infra/eventstore/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(t testing.TB) storetest.Harness {
		dir := t.TempDir()
		current := open(t, embedded.Options{Dir: dir})
		t.Cleanup(func() { mustClose(t, current) })
		return storetest.Harness{Store: current, Reopen: func(t testing.TB) eventstore.Store {
			mustClose(t, current)
			current = open(t, embedded.Options{Dir: dir})
			return current
		}}
	})
}

func open(t testing.TB, opts embedded.Options) *embedded.Store {
	t.Helper()
	s, err := embedded.Open(t.Context(), opts)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s
}

func mustClose(t testing.TB, s *embedded.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}
