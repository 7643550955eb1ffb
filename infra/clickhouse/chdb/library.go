package chdb

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unsafe"

	"dossierledger/domain/fault"
)

const (
	// EnvLibrary names the environment variable with the library's path.
	EnvLibrary = "LEDGER_CHDB_LIB"
	// EnvSHA256 names the environment variable with which an operator vouches
	// for a build on a platform that has no pinned hash. It is not looked at
	// where there is one.
	EnvSHA256 = "LEDGER_CHDB_SHA256"

	// libraryFile is the library's name in the npm package, and everywhere else.
	libraryFile = "libchdb.so"
	// cacheDir is where `make chdb` puts the library, from the repository's root.
	cacheDir = ".cache/chdb"
)

// pinned holds the SHA-256 of the one build that the ledger is tested with,
// by platform. It is the same as in fetch-chdb.sh.
var pinned = map[string]string{
	"linux/amd64": "36ad4e999882821ef13cf2d0f52c93f48e6ee1b4498b35a201c23ce4b8d15bf5",
}

// expectedHash is the hash that the library of a platform must have, or "" where
// no build is known and nobody vouches for one. Only Linux can be vouched for:
// elsewhere the engine's signal handlers are not kept away from Go's.
func expectedHash(platform string) string {
	if h, ok := pinned[platform]; ok {
		return h
	}
	if strings.HasPrefix(platform, "linux/") {
		return strings.ToLower(strings.TrimSpace(os.Getenv(EnvSHA256)))
	}
	return ""
}

// Find returns the path of the engine's library. The first that exists wins:
// path when it is not empty, the file that LEDGER_CHDB_LIB names, beside the
// executable, .cache/chdb beside the executable's directory, and .cache/chdb
// in the source tree around the working directory (for tests and `go run`).
// A path that is given and not there is a fault: no other one is used in its place.
func Find(path string) (string, error) {
	for _, given := range []struct{ path, by string }{{path, "the configuration"}, {os.Getenv(EnvLibrary), EnvLibrary}} {
		if given.path == "" {
			continue
		}
		if !isFile(given.path) {
			return "", fault.New(fault.Unavailable, CodeMissing, "the embedded ClickHouse engine is not at %s, which %s names: run `make chdb`, or name the right file", given.path, given.by)
		}
		return filepath.Abs(given.path)
	}
	var tried []string
	for _, candidate := range candidates() {
		if isFile(candidate) {
			return filepath.Abs(candidate)
		}
		tried = append(tried, candidate)
	}
	return "", fault.New(fault.Unavailable, CodeMissing, "the embedded ClickHouse engine (%s) is not installed: run `make chdb`, or name the file with %s; looked at %s", libraryFile, EnvLibrary, strings.Join(tried, ", "))
}

func candidates() []string {
	var found []string
	if exe, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			exe = real
		}
		dir := filepath.Dir(exe)
		found = append(found, filepath.Join(dir, libraryFile), filepath.Join(dir, "..", cacheDir, libraryFile))
	}
	if dir, err := os.Getwd(); err == nil {
		for {
			if isFile(filepath.Join(dir, "go.mod")) {
				found = append(found, filepath.Join(dir, cacheDir, libraryFile))
				break
			}
			parent := filepath.Dir(dir)
			if parent == dir {
				break
			}
			dir = parent
		}
	}
	return found
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Verify reads the library and compares its SHA-256 with the one that is
// pinned for this platform.
func Verify(path string) error { return verify(path, runtime.GOOS+"/"+runtime.GOARCH) }

func verify(path, platform string) error {
	want := expectedHash(platform)
	if want == "" {
		return fault.New(fault.Unavailable, CodePlatform, "there is no verified build of the embedded ClickHouse engine for %s: use a ClickHouse server by its DSN, or, on Linux, vouch for a build with %s", platform, EnvSHA256)
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Unavailable, CodeMissing, "the embedded ClickHouse engine is not at %s: run `make chdb`", path)
	}
	if err != nil {
		return fmt.Errorf("opening the embedded ClickHouse engine: %w", err)
	}
	defer file.Close() // read only
	sum := sha256.New()
	if _, err := io.CopyBuffer(sum, file, make([]byte, 1<<20)); err != nil {
		return fmt.Errorf("reading the embedded ClickHouse engine %s: %w", path, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return fault.New(fault.Corrupt, CodeChecksum, "%s is not the build that the ledger trusts (SHA-256 %s, expected %s): delete it and run `make chdb`", path, got, want)
	}
	return nil
}

// library is the C interface of libchdb. Strings go in as pointer and length,
// so they may hold any byte.
type library struct {
	path string

	setSignalHandlers func(enabled int32)
	connect           func(argc int32, argv unsafe.Pointer) unsafe.Pointer
	closeConn         func(conn unsafe.Pointer)

	classify    func(conn, sql unsafe.Pointer, sqlLen uintptr, database unsafe.Pointer, databaseLen uintptr, analysis unsafe.Pointer) int32
	query       func(conn, sql unsafe.Pointer, sqlLen uintptr, format unsafe.Pointer, formatLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) unsafe.Pointer
	streamQuery func(conn, sql unsafe.Pointer, sqlLen uintptr, format unsafe.Pointer, formatLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) unsafe.Pointer
	fetch       func(conn, stream unsafe.Pointer) unsafe.Pointer
	cancelQuery func(conn, stream unsafe.Pointer)

	resultBuffer  func(result unsafe.Pointer) unsafe.Pointer
	resultLength  func(result unsafe.Pointer) uintptr
	resultError   func(result unsafe.Pointer) string
	destroyResult func(result unsafe.Pointer)

	streamInsert  func(conn, sql unsafe.Pointer, sqlLen uintptr, format unsafe.Pointer, formatLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) unsafe.Pointer
	appendInsert  func(stream, data unsafe.Pointer, dataLen uintptr) int32
	doneInsert    func(stream unsafe.Pointer) unsafe.Pointer
	cancelInsert  func(stream unsafe.Pointer)
	insertError   func(stream unsafe.Pointer) string
	destroyInsert func(stream unsafe.Pointer)
}

// none is what an empty string points at: the engine refuses NULL.
var none byte

// bytesOf gives a string's bytes to C. The caller keeps s alive over the call.
func bytesOf(s string) unsafe.Pointer {
	if s == "" {
		return unsafe.Pointer(&none)
	}
	return unsafe.Pointer(unsafe.StringData(s))
}
