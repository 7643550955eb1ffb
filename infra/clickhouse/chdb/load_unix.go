//go:build unix

package chdb

import (
	"sync"

	"github.com/ebitengine/purego"

	"dossierledger/domain/fault"
)

// loaded is the library of this process. It is never unloaded: its threads
// would run on in memory that is gone.
var loaded struct {
	sync.Mutex
	library *library
}

// load verifies and opens the library, once in a process.
func load(path string) (*library, error) {
	loaded.Lock()
	defer loaded.Unlock()
	if l := loaded.library; l != nil {
		if l.path != path {
			return nil, fault.New(fault.Conflict, CodeLoaded, "this process has loaded the embedded ClickHouse engine from %s and cannot load %s as well", l.path, path)
		}
		return l, nil
	}
	if err := Verify(path); err != nil {
		return nil, err
	}
	l := &library{path: path}
	err := keepingSignalHandlers(func() error {
		if err := useUTC(); err != nil {
			return err
		}
		// Local: the library brings an allocator and a C++ runtime of its own,
		// which no other library shall be bound to.
		handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
		if err != nil {
			return fault.New(fault.Unavailable, CodeUnusable, "the embedded ClickHouse engine %s cannot be loaded (it needs glibc): %w", path, err)
		}
		if err := l.bind(handle); err != nil {
			return err
		}
		// Before anything connects: the engine's handlers would take the
		// signals with which Go finds nil dereferences and preempts goroutines.
		l.setSignalHandlers(0)
		return nil
	})
	if err != nil {
		return nil, err
	}
	loaded.library = l
	return l, nil
}

// useUTC sets TZ for the C side of the process alone: Go has read its own zone
// by now. The engine takes its default zone from there and from nowhere else,
// and days must not begin elsewhere because of where the machine stands.
func useUTC() error {
	symbol, err := purego.Dlsym(purego.RTLD_DEFAULT, "setenv")
	if err != nil {
		return fault.New(fault.Unavailable, CodeUnusable, "this system's C library has no setenv: %w", err)
	}
	var setenv func(name, value string, overwrite int32) int32
	purego.RegisterFunc(&setenv, symbol)
	if setenv("TZ", "UTC", 1) != 0 {
		return fault.New(fault.Unavailable, CodeUnusable, "the time zone of the embedded ClickHouse engine cannot be set")
	}
	return nil
}

func (l *library) bind(handle uintptr) error {
	for name, target := range map[string]any{
		"chdb_set_signal_handlers_enabled": &l.setSignalHandlers,
		"chdb_connect":                     &l.connect,
		"chdb_close_conn":                  &l.closeConn,
		"chdb_classify_query_n":            &l.classify,
		"chdb_query_with_params_n":         &l.query,
		"chdb_stream_query_with_params_n":  &l.streamQuery,
		"chdb_stream_fetch_result":         &l.fetch,
		"chdb_stream_cancel_query":         &l.cancelQuery,
		"chdb_result_buffer":               &l.resultBuffer,
		"chdb_result_length":               &l.resultLength,
		"chdb_result_error":                &l.resultError,
		"chdb_destroy_query_result":        &l.destroyResult,
		"chdb_stream_insert_with_params_n": &l.streamInsert,
		"chdb_stream_append":               &l.appendInsert,
		"chdb_stream_done":                 &l.doneInsert,
		"chdb_stream_cancel_insert":        &l.cancelInsert,
		"chdb_stream_insert_error":         &l.insertError,
		"chdb_destroy_insert_stream":       &l.destroyInsert,
	} {
		symbol, err := purego.Dlsym(handle, name)
		if err != nil {
			return fault.New(fault.Unavailable, CodeUnusable, "the embedded ClickHouse engine has no %s: %w", name, err)
		}
		purego.RegisterFunc(target, symbol)
	}
	return nil
}
