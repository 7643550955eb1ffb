package chdb

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"unsafe"
)

// session is one connection of the engine. It runs one statement at a time and
// is used by one goroutine at a time.
type session struct {
	lib     *library
	pointer unsafe.Pointer // what chdb_connect gave; closed by it
	conn    unsafe.Pointer // what it points at; every other call wants this

	// tag is in the log_comment of everything that the session runs, so that
	// another session can find its statement and kill it.
	tag      string
	database string
	settings map[string]string
}

// openSession connects. args are the engine's command line, without its name.
func openSession(lib *library, tag string, args []string) (*session, error) {
	s := &session{lib: lib, tag: tag, settings: map[string]string{}}
	argv := make([]unsafe.Pointer, 0, len(args)+2)
	var pins runtime.Pinner
	defer pins.Unpin()
	for _, arg := range append([]string{"clickhouse"}, args...) {
		text := append([]byte(arg), 0)
		pins.Pin(&text[0])
		argv = append(argv, unsafe.Pointer(&text[0]))
	}
	count := len(argv)
	argv = append(argv, nil)
	err := keepingSignalHandlers(func() error {
		s.pointer = lib.connect(int32(count), unsafe.Pointer(&argv[0]))
		return nil
	})
	if err != nil {
		return nil, err
	}
	if s.pointer == nil {
		return nil, fmt.Errorf("the engine does not start; its reason is on the standard error stream")
	}
	s.conn = *(*unsafe.Pointer)(s.pointer)
	return s, nil
}

func (s *session) close() {
	s.lib.closeConn(s.pointer)
	s.pointer, s.conn = nil, nil
}

// parameter is a value for a {name:Type} placeholder, escaped as TSV.
type parameter struct{ name, value string }

// arrays are parameters as C wants them. free must be called after the C call.
type arrays struct {
	names, values         []unsafe.Pointer
	nameLens, valueLens   []uintptr
	pins                  runtime.Pinner
	namesP, nameLensP     unsafe.Pointer
	valuesP, valueLensPtr unsafe.Pointer
}

func newArrays(parameters []parameter) *arrays {
	a := &arrays{}
	if len(parameters) == 0 {
		return a
	}
	for _, p := range parameters {
		name, value := bytesOf(p.name), bytesOf(p.value)
		a.pins.Pin(name)
		a.pins.Pin(value)
		a.names, a.nameLens = append(a.names, name), append(a.nameLens, uintptr(len(p.name)))
		a.values, a.valueLens = append(a.values, value), append(a.valueLens, uintptr(len(p.value)))
	}
	a.namesP, a.nameLensP = unsafe.Pointer(&a.names[0]), unsafe.Pointer(&a.nameLens[0])
	a.valuesP, a.valueLensPtr = unsafe.Pointer(&a.values[0]), unsafe.Pointer(&a.valueLens[0])
	return a
}

func (a *arrays) free() { a.pins.Unpin() }

// block is a piece of a result in the engine's memory, until destroy.
type block struct {
	lib    *library
	handle unsafe.Pointer
	bytes  []byte
}

func (s *session) newBlock(handle unsafe.Pointer) (*block, error) {
	if handle == nil {
		return nil, refusal(codeUnknownException, "the engine gave no result")
	}
	if text := s.lib.resultError(handle); text != "" {
		s.lib.destroyResult(handle)
		return nil, newServerError(text)
	}
	b := &block{lib: s.lib, handle: handle}
	if n := s.lib.resultLength(handle); n > 0 {
		b.bytes = unsafe.Slice((*byte)(s.lib.resultBuffer(handle)), n)
	}
	return b, nil
}

// destroy gives the memory back. bytes must not be used afterwards.
func (b *block) destroy() {
	if b == nil || b.handle == nil {
		return
	}
	b.lib.destroyResult(b.handle)
	b.handle, b.bytes = nil, nil
}

// query runs a statement to its end and holds the whole result.
func (s *session) query(sql, format string, parameters ...parameter) (*block, error) {
	a := newArrays(parameters)
	defer a.free()
	handle := s.lib.query(s.conn, bytesOf(sql), uintptr(len(sql)), bytesOf(format), uintptr(len(format)),
		a.namesP, a.nameLensP, a.valuesP, a.valueLensPtr, uintptr(len(parameters)))
	runtime.KeepAlive(sql)
	runtime.KeepAlive(format)
	runtime.KeepAlive(a)
	return s.newBlock(handle)
}

// run runs a statement for its effect.
func (s *session) run(sql string, parameters ...parameter) error {
	b, err := s.query(sql, "Native", parameters...)
	if err != nil {
		return err
	}
	b.destroy()
	return nil
}

// open starts a statement whose result is fetched block by block.
func (s *session) open(sql, format string, parameters ...parameter) (unsafe.Pointer, error) {
	a := newArrays(parameters)
	defer a.free()
	handle := s.lib.streamQuery(s.conn, bytesOf(sql), uintptr(len(sql)), bytesOf(format), uintptr(len(format)),
		a.namesP, a.nameLensP, a.valuesP, a.valueLensPtr, uintptr(len(parameters)))
	runtime.KeepAlive(sql)
	runtime.KeepAlive(format)
	runtime.KeepAlive(a)
	if handle == nil {
		return nil, refusal(codeUnknownException, "the engine gave no stream")
	}
	if text := s.lib.resultError(handle); text != "" {
		s.lib.destroyResult(handle)
		return nil, newServerError(text)
	}
	return handle, nil
}

// class is what a statement does to state that outlives it.
type class uint32

const (
	classReadOnly       class = 0 // SELECT, SHOW, DESCRIBE, EXPLAIN, EXISTS, CHECK
	classMutating       class = 1 // changes a database
	classMutatingGlobal class = 2 // changes functions, users, named collections
	classControl        class = 3 // changes the session or the engine: SET, USE, SYSTEM, KILL, temporary tables
	classUnknown        class = 4 // does not parse
)

// classify parses a statement without running it.
func (s *session) classify(sql string) (kind class, statements int, err error) {
	analysis := struct{ size, count, flags, class uint32 }{size: 16}
	state := s.lib.classify(s.conn, bytesOf(sql), uintptr(len(sql)), nil, 0, unsafe.Pointer(&analysis))
	runtime.KeepAlive(sql)
	if state != 0 {
		return classUnknown, 0, refusal(codeUnknownException, "the engine does not classify the statement")
	}
	return class(analysis.class), int(analysis.count), nil
}

// use makes database and settings those of the session: what differs from the
// statement before is set, what that one had set beyond them goes back to its
// default.
func (s *session) use(database string, settings map[string]string) error {
	var changes []string
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if value, ok := s.settings[name]; !ok || value != settings[name] {
			changes = append(changes, quoteName(name)+" = "+quoteText(settings[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.settings)) {
		if _, ok := settings[name]; !ok {
			changes = append(changes, quoteName(name)+" = DEFAULT")
		}
	}
	if len(changes) > 0 {
		if err := s.run("SET " + strings.Join(changes, ", ")); err != nil {
			return err
		}
		s.settings = maps.Clone(settings)
	}
	if database != s.database {
		if err := s.run("USE " + quoteName(database)); err != nil {
			return err
		}
		s.database = database
	}
	return nil
}

var (
	nameEscapes = strings.NewReplacer("\\", "\\\\", "`", "\\`")
	textEscapes = strings.NewReplacer("\\", "\\\\", "'", "\\'")
)

func quoteName(name string) string { return "`" + nameEscapes.Replace(name) + "`" }
func quoteText(text string) string { return "'" + textEscapes.Replace(text) + "'" }
