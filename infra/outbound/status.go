package outbound

// State is what the deliveries to a receiver are doing.
type State string

// The states.
const (
	Stopped    State = "stopped"
	CatchingUp State = "catching-up"
	Live       State = "live"
	// Away: nothing gets through to the receiver; it is tried again.
	Away State = "away"
	// Waiting: the ledger itself cannot go on, be it that an event cannot be read
	// or that nothing can be written; it is tried again.
	Waiting State = "waiting"
)

// States lists them.
func States() []State { return []State{Stopped, CatchingUp, Live, Away, Waiting} }

// Status tells how the deliveries to a receiver stand.
type Status struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	// Next is the position before which everything was delivered, but for what is
	// behind or given up.
	Next uint64 `json:"next"`
	// Behind counts the keys of which an event is tried again, GivenUp those that
	// wait for a person.
	Behind  int `json:"behind"`
	GivenUp int `json:"given_up"`
	// LagSeconds is for how long the oldest event has waited that was neither
	// delivered nor given up.
	LagSeconds float64 `json:"lag_seconds"`
	// Reason is why the last attempt failed, empty when all is well again; Error is
	// why the ledger itself cannot go on.
	Reason string `json:"reason,omitempty"`
	Error  string `json:"error,omitempty"`
}
