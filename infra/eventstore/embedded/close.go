package embedded

import (
	"errors"
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
	return errors.Join(s.settle(), s.mark.file.Close(), s.db.Close(), s.lock.Close())
}

// settle notes up to where the ledger is durable; what an Import has written is
// brought to disk before.
func (s *Store) settle() error {
	if s.bulk {
		if err := s.flush(); err != nil {
			return err
		}
	}
	return s.mark.set(s.next.Load())
}

// awaitWriters waits until nothing is in Pebble's hands. On a sick disk it
// lets go what waits there; only a batch that Pebble is applying at that
// moment cannot be taken back, and then the engine is left as it is, with its
// lock, until the process ends; opening recovers as after a crash.
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
	for !s.committer.gate.TryLock() {
		select {
		case <-patience.C:
			return errors.New("close the event store: a write to its disk does not end; another process can open it when this one is gone")
		case <-time.After(time.Millisecond):
		}
	}
	s.committer.sealed = true
	s.committer.gate.Unlock()
	s.disk.Release()
	<-idle
	return nil
}
