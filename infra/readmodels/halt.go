package readmodels

import (
	"fmt"

	"dossierledger/domain/fault"
)

// Codes of this package's faults.
const (
	// CodeHalted: a projection stands before an event that it cannot apply.
	CodeHalted = "readmodels.halted"
	// CodeBehind: a projection did not reach a position in the time that was given.
	CodeBehind = "readmodels.behind"
	// CodeUnknown: there is no projection or table of that name.
	CodeUnknown = "readmodels.unknown"
	// CodeMismatch: a table does not hold what the log says.
	CodeMismatch = "readmodels.mismatch"
	// CodeElsewhere: another process keeps the tables now.
	CodeElsewhere = "readmodels.elsewhere"
	// CodeRebuilding: a rebuild of the projection is under way already.
	CodeRebuilding = "readmodels.rebuilding"
)

// Halt is why a projection stands still: the event before which it stands, and
// what went wrong with it. It is found by errors.As.
type Halt struct {
	Projection string `json:"projection"`
	Position   uint64 `json:"position"`
	Stream     string `json:"stream"`
	Revision   uint64 `json:"revision"`
	Type       string `json:"type"`
	Reason     string `json:"reason"`
	WayOut     string `json:"way_out"`
	cause      error
}

// Error implements error.
func (h *Halt) Error() string {
	return fmt.Sprintf("%s: projection %s stands before %s@%d (%s, position %d): %s",
		CodeHalted, h.Projection, h.Stream, h.Revision, h.Type, h.Position, h.Reason)
}

// Unwrap gives what a caller can act on, and the cause.
func (h *Halt) Unwrap() []error {
	return []error{fault.New(fault.Unavailable, CodeHalted, "the projection %s is halted; see `ledger doctor`", h.Projection), h.cause}
}

func wayOut(projection string) string {
	return fmt.Sprintf("Nothing was skipped and nothing is lost; commands and other read models go on. "+
		"If the event's type is unknown, install the release that knows it. If the error is the program's, install the one that mends it. "+
		"If ClickHouse refuses the row, mend the table. Then restart the ledger, which tries the event again; "+
		"if rows written before are wrong too, run `ledger rebuild %s`.", projection)
}
