package soak

import (
	"bytes"
	"encoding/json"
	"os"
	"sync"
	"testing"
	"time"
)

// figures are what a run did and what it found.
type figures struct {
	Run     string         `json:"run"`
	Seed    uint64         `json:"seed"`
	Seconds float64        `json:"seconds"`
	Faults  map[string]int `json:"faults"`
	// Kills is by process, all of them under load.
	Kills         map[string]int `json:"kills"`
	WritesLost    int            `json:"writes_lost_with_power,omitempty"`
	*Balance      `json:"commands"`
	Answers       map[string]int        `json:"answers"`
	Repeats       int                   `json:"repeats_answered_the_same"`
	AnswerMeanMS  float64               `json:"answer_mean_ms"`
	Events        int                   `json:"events"`
	Dossiers      int                   `json:"dossiers"`
	Notices       int                   `json:"notices_of_policies,omitempty"`
	Subscriptions []subscriptionFigures `json:"subscriptions"`
	ReadAgain     int                   `json:"whole_log_read_again"`
	NamesRead     int                   `json:"personal_names_read"`
	Rebuilds      int                   `json:"rebuilds"`
	RebuildsEqual int                   `json:"rebuilds_equal_byte_for_byte"`
	ExportedRows  int                   `json:"exported_rows"`
	ExportedBytes int                   `json:"exported_bytes"`
	Deliveries    *deliveryFigures      `json:"deliveries,omitempty"`

	began time.Time
}

// Balance is exported for its JSON member.
type Balance = balance

func newFigures(run string, seed uint64) *figures {
	return &figures{Run: run, Seed: seed, Faults: map[string]int{}, Kills: map[string]int{}, Balance: &balance{}, began: time.Now()}
}

func (f *figures) timeline(t *timeline) {
	f.Subscriptions = append(f.Subscriptions, subscriptionFigures{Name: "live timeline", Events: t.entries, Resumed: t.resumed, Gaps: len(t.wrong)})
}

func (f *figures) kills() (n int) {
	for _, each := range f.Kills {
		n += each
	}
	return n
}

// resultsEnv names a file to which each run's figures are added, one JSON object
// a line.
const resultsEnv = "LEDGER_SOAK_RESULTS"

var results sync.Mutex

// print tells the figures.
func (f *figures) print(t *testing.T) {
	t.Helper()
	f.Seconds = time.Since(f.began).Round(100 * time.Millisecond).Seconds()
	line, err := json.Marshal(f)
	if err != nil {
		t.Error(err)
		return
	}
	t.Logf("%s", line)
	path := os.Getenv(resultsEnv)
	if path == "" {
		return
	}
	results.Lock()
	defer results.Unlock()
	out, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Error(err)
		return
	}
	if _, err := out.Write(append(line, '\n')); err != nil {
		t.Error(err)
	}
	if err := out.Close(); err != nil {
		t.Error(err)
	}
}

// containsText looks for a text in JSON that may escape it.
func containsText(body []byte, text string) bool {
	quoted, err := json.Marshal(text)
	return err == nil && (bytes.Contains(body, []byte(text)) || bytes.Contains(body, quoted[1:len(quoted)-1]))
}
