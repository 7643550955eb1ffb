package embedded_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/embedded"
)

func TestSecondOpenIsRefusedInOneLineThatNamesTheDirectory(t *testing.T) {
	dir := t.TempDir()
	s := open(t, embedded.Options{Dir: dir})
	second, err := embedded.Open(t.Context(), embedded.Options{Dir: dir})
	if !errors.Is(err, eventstore.ErrLocked) {
		t.Fatalf("%v, %v, want ErrLocked", second, err)
	}
	if msg := err.Error(); !strings.Contains(msg, dir) || strings.Contains(msg, "\n") {
		t.Fatalf("message %q", msg)
	}
	mustClose(t, s)
	mustClose(t, open(t, embedded.Options{Dir: dir}))
}

func TestSecondProcessIsRefused(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := open(t, embedded.Options{Dir: dir})
	defer mustClose(t, s)
	var said bytes.Buffer
	child := exec.Command(self)
	child.Env = append(os.Environ(), childDir+"="+dir)
	child.Stderr = &said
	var exit *exec.ExitError
	if err := child.Run(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Fatalf("the second process: %v", err)
	}
	if line := said.String(); !strings.HasPrefix(line, eventstore.ErrLocked.Code) || !strings.Contains(line, dir) ||
		strings.Count(line, "\n") != 1 {
		t.Fatalf("the second process says %q", line)
	}
}

func TestClosedStoreRefusesEverything(t *testing.T) {
	s := open(t, embedded.Options{Dir: t.TempDir()})
	if _, err := s.Append(t.Context(), "a", event.Any, must(batchOf(1))...); err != nil {
		t.Fatal(err)
	}
	sub, err := s.Subscribe(t.Context(), eventstore.SubscribeTo{Stream: "never"})
	if err != nil {
		t.Fatal(err)
	}
	blocked := make(chan error, 1)
	go func() {
		for {
			if _, err := sub.Next(t.Context()); err != nil {
				blocked <- err
				return
			}
		}
	}()
	mustClose(t, s)
	mustClose(t, s)
	_, appendErr := s.Append(t.Context(), "a", event.Any, must(batchOf(1))...)
	_, readErr := collect(s.ReadAll(t.Context(), eventstore.AllRead{}))
	_, streamErr := collect(s.ReadStream(t.Context(), "a", eventstore.StreamRead{}))
	_, _, headErr := s.Head(t.Context())
	_, subscribeErr := s.Subscribe(t.Context(), eventstore.SubscribeTo{})
	_, metadataErr := s.Metadata(t.Context(), "a")
	for what, err := range map[string]error{
		"blocked next": <-blocked, "append": appendErr, "read all": readErr, "read stream": streamErr,
		"head": headErr, "subscribe": subscribeErr, "metadata": metadataErr,
	} {
		if !errors.Is(err, eventstore.ErrClosed) {
			t.Errorf("%s: %v, want ErrClosed", what, err)
		}
	}
}

func TestClosingUnderLoadAnswersEveryAppend(t *testing.T) {
	dir := t.TempDir()
	s := open(t, embedded.Options{Dir: dir})
	var told diary
	ended := make(chan struct{})
	started := make(chan struct{})
	go func() {
		defer close(ended)
		first := false
		writeUntil(t.Context(), s, 16, func(a acknowledgement) {
			told.note(a)
			told.mu.Lock()
			defer told.mu.Unlock()
			if !first {
				first = true
				close(started)
			}
		})
	}()
	<-started
	mustClose(t, s)
	<-ended
	s = open(t, embedded.Options{Dir: dir})
	defer mustClose(t, s)
	verifyLedger(t, s, told.all())
}
