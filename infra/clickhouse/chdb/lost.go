package chdb

import (
	"fmt"
	"strconv"
	"strings"

	"dossierledger/domain/fault"
)

// The engine passes over every write to a file that fails, for want of room or
// otherwise: in its WriteBufferFromFileDescriptor the error of ClickHouse is taken
// out. It then says that an insert is there, or puts a merged part in the place of
// those that it was made of, and the files are empty. All that it does about it is
// to count. So the count is looked at before anything is said to be done; where it
// has grown, nothing that the engine holds can be relied on any more.

// failedWrites reads the count, which is that of the process, over all threads; where
// there is none, nothing. It is asked for often, and worded for the least work.
const failedWrites = "SELECT value FROM system.events WHERE event = 'WriteBufferFromFileDescriptorWriteFailed' SETTINGS max_threads = 1, enable_analyzer = 0"

// putAside looks for parts that the engine found broken when it started, and
// therefore does not show: those that it had lost writes of and was killed before
// it could be told, and damaged ones.
const putAside = "SELECT count(), any(table || '/' || name) FROM system.detached_parts"

// keep makes sure that the engine has written all that it said it had before the
// call. Once it has not, that is the error of this and of every later call. Of calls
// at the same time one look may serve several.
func (e *Engine) keep() error {
	begun := e.watch.begun.Load()
	e.watch.Lock()
	defer e.watch.Unlock()
	if e.watch.lost != nil || e.watch.session == nil || e.watch.ended > begun {
		return e.watch.lost
	}
	look := e.watch.begun.Add(1)
	answer, err := e.watch.session.query(failedWrites, "TSVRaw")
	if err != nil {
		return fmt.Errorf("counting the engine's failed writes: %w", err)
	}
	defer answer.destroy()
	text, count := strings.TrimSpace(string(answer.bytes)), uint64(0)
	if text != "" {
		if count, err = strconv.ParseUint(text, 10, 64); err != nil {
			return fmt.Errorf("counting the engine's failed writes: %w", err)
		}
	}
	if count > e.watch.failed {
		e.watch.lost = fault.New(fault.Unavailable, CodeLost,
			"the embedded ClickHouse engine on %s could not write, and went on: what it holds is given up and made again", e.dir)
		close(e.lost)
		e.watch.failed = count
	}
	e.watch.ended = look
	return e.watch.lost
}

// lostOr is the error of a statement that failed or, which may well be why, that the
// engine has lost something.
func (e *Engine) lostOr(err error) error {
	if kept := e.keep(); fault.CodeOf(kept) == CodeLost {
		return kept
	}
	return err
}

// Lost is closed when the engine has lost something that it had to write. From then
// on it refuses every statement with a fault CodeLost, and Close clears its directory.
func (e *Engine) Lost() <-chan struct{} { return e.lost }

// kept holds that the engine shows all that was in the directory.
func (e *Engine) kept() error {
	answer, err := e.watch.session.query(putAside, "TSVRaw")
	if err != nil {
		return fmt.Errorf("looking for broken parts: %w", err)
	}
	defer answer.destroy()
	count, name, _ := strings.Cut(strings.TrimSpace(string(answer.bytes)), "\t")
	if count != "0" {
		return fault.New(fault.Unavailable, CodeHollow,
			"%s parts of tables in %s are broken, as a full disk leaves them, and are not shown; one is %s", count, e.dir, name)
	}
	return nil
}
