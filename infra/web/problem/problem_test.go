package problem_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"dossierledger/commands"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/web/problem"
)

// Every kind of refusal has a status, also when it is wrapped.
func TestEveryKindHasAStatus(t *testing.T) {
	for kind, status := range map[fault.Kind]int{
		fault.Invalid: 400, fault.Refused: 409, fault.NotFound: 404, fault.Conflict: 409, fault.Unauthenticated: 401, fault.Forbidden: 403,
		fault.TooLarge: 413, fault.Unavailable: 503, fault.Erased: 410, fault.Full: 507, fault.Corrupt: 500,
	} {
		p := problem.From(fmt.Errorf("around it: %w", fault.New(kind, "x.y", "why").Lacking("a")))
		if p.Status != status || p.Code != "x.y" || len(p.Missing) != 1 || p.Type != "urn:dossier-ledger:x.y" {
			t.Errorf("%s: %+v", kind, p)
		}
		if (status == 503) != (p.GetHeaders().Get("Retry-After") != "") || (status == 401) != (p.GetHeaders().Get("WWW-Authenticate") != "") {
			t.Errorf("%s: headers %v", kind, p.GetHeaders())
		}
	}
	for err, want := range map[error]string{
		commands.ErrKeyReused:                    "422 idempotency.key-reused",
		fmt.Errorf("x: %w", commands.ErrStale):   "412 revision.stale",
		context.DeadlineExceeded:                 "503 request.timeout",
		&event.WrongRevision{Actual: 7}:          "409 revision.stale",
		errors.New("password=secret at line 3"):  "500 internal",
		fault.New("new kind", "x.z", "whatever"): "500 x.z",
	} {
		p := problem.From(err)
		if got := fmt.Sprintf("%d %s", p.Status, p.Code); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
		if strings.Contains(p.Detail, "secret") {
			t.Errorf("the caller learns %q", p.Detail)
		}
		if !errors.Is(p, err) {
			t.Errorf("%v is lost for the log", err)
		}
	}
	corrupt := problem.From(fault.New(fault.Corrupt, "store.corrupt", "record 17 at offset 4"))
	if strings.Contains(corrupt.Detail, "offset") {
		t.Errorf("the caller learns %q", corrupt.Detail)
	}
}
