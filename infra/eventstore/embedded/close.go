package embedded

import (
	"errors"
	"fmt"
	"time"
)

// closePatience is how long Close waits for a write that a broken or full disk
// holds up.
const closePatience = 2 * time.Second

// Close implements eventstore.Store. Appends that are queued and not taken get
// ErrClosed; those that are being synced are finished and answered.
func (s *Store) Close() error {
	s.once.Do(func() { s.closed = s.shutDown() })
	return s.closed
}

func (s *Store) shutDown() error {
	close(s.closing)
	idle := make(chan struct{})
	go func() {
		s.workers.Wait()
		close(idle)
	}()
	stuck := s.awaitWriters(idle)
	close(s.stopped)
	s.access.Lock()
	defer s.access.Unlock()
	s.shut = true
	if stuck != nil {
		return errors.Join(stuck, s.lock.Close())
	}
	return errors.Join(s.settle(), s.mark.file.Close(), s.closeIndex(), s.events.close(), s.lock.Close())
}

// settle brings the index to disk, so that the next opening has nothing to do,
// gives back what the log was prepared for, and notes up to where it is durable.
func (s *Store) settle() error {
	if err := s.disk.Broken(); err != nil {
		return fmt.Errorf("the event store in %s could not write: %w", s.dir, err)
	}
	if s.disk.Full() {
		return s.mark.set(s.next.Load()) // the index is brought up to the log at the next opening
	}
	return s.flush(true)
}

// flush brings everything that was written to disk; patient says whether the index
// waits for room.
func (s *Store) flush(patient bool) error {
	if err := s.events.trim(); err != nil {
		return s.openFailed(err)
	}
	if err := s.index.keepRest(); err != nil {
		return s.openFailed(err)
	}
	if err := s.index.flush(patient); err != nil {
		return s.openFailed(err)
	}
	if err := s.disk.Broken(); err != nil {
		return err
	}
	return s.mark.set(s.next.Load())
}

// awaitWriters waits until nothing is in anybody's hands. On a sick disk it lets
// go what waits there; only a batch that Pebble is applying at that moment cannot
// be taken back, and then the engine is left as it is, with its lock, until the
// process ends; opening recovers as after a crash.
func (s *Store) awaitWriters(idle <-chan struct{}) error {
	patience := time.NewTimer(closePatience)
	defer patience.Stop()
	for healthy := true; healthy; {
		select {
		case <-idle:
			s.disk.Release()
			return nil
		case <-s.disk.Alarm():
			healthy = false
		}
	}
	x := s.index
	for !x.gate.TryLock() {
		select {
		case <-patience.C:
			return errors.New("close the event store: a write to its disk does not end; another process can open it when this one is gone")
		case <-time.After(time.Millisecond):
		}
	}
	x.sealed = true
	x.gate.Unlock()
	s.disk.Release()
	<-idle
	return nil
}
