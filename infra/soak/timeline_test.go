package soak

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// timeline follows one dossier as a browser does: server-sent events, and after
// a lost connection again with the id of the last one. Each entry comes once.
type timeline struct {
	url, code string
	client    *http.Client

	mu       sync.Mutex
	lastID   string
	next     uint64 // revision that comes next
	entries  int
	resumed  int
	wrong    []string
	stop     context.CancelFunc
	finished sync.WaitGroup
}

func followTimeline(url, code string) *timeline {
	ctx, cancel := context.WithCancel(context.Background())
	t := &timeline{url: url, code: code, client: &http.Client{}, stop: cancel}
	t.finished.Go(func() {
		for ctx.Err() == nil {
			t.follow(ctx)
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	return t
}

func (t *timeline) end() {
	t.stop()
	t.finished.Wait()
	t.client.CloseIdleConnections()
}

func (t *timeline) follow(ctx context.Context) {
	path := t.url + "/api/v1/dossiers/" + t.code + "/timeline/stream"
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	if err != nil {
		t.complain("%v", err)
		return
	}
	if t.lastID != "" {
		q.Header.Set("Last-Event-ID", t.lastID)
	} else {
		q.URL.RawQuery = "after=0"
	}
	response, err := t.client.Do(q)
	if err != nil {
		return
	}
	defer func() { _ = response.Body.Close() }() // the server may be gone
	if response.StatusCode != http.StatusOK {
		return
	}
	t.mu.Lock()
	t.resumed++
	t.mu.Unlock()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	var id, name, data string
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "id":
			id = value
		case "event":
			name = value
		case "data":
			data = value
		case "":
			if name == "entry" {
				t.take(id, data)
			}
			id, name, data = "", "", ""
		}
	}
}

func (t *timeline) take(id, data string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var entry struct {
		Revision uint64 `json:"revision"`
	}
	if err := json.Unmarshal([]byte(data), &entry); err != nil {
		t.wrong = append(t.wrong, fmt.Sprintf("timeline %s: %v: %s", t.code, err, data))
		return
	}
	if entry.Revision != t.next {
		t.wrong = append(t.wrong, fmt.Sprintf("timeline %s: revision %d came where %d is next", t.code, entry.Revision, t.next))
	}
	t.next = entry.Revision + 1
	t.lastID = id
	t.entries++
}

func (t *timeline) complain(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wrong = append(t.wrong, fmt.Sprintf(format, args...))
}

// waitFor waits until a revision was told.
func (t *timeline) waitFor(revision uint64, patience time.Duration) bool {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		t.mu.Lock()
		next := t.next
		t.mu.Unlock()
		if next > revision {
			return true
		}
	}
	return false
}
