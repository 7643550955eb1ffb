package chdb

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	clickhouse "github.com/ClickHouse/clickhouse-go/v2"

	"dossierledger/domain/fault"
)

// Codes of the engine's faults.
const (
	// CodeMissing: the library is not installed.
	CodeMissing = "chdb.library-missing"
	// CodeChecksum: the library is not the build that the ledger trusts.
	CodeChecksum = "chdb.library-checksum"
	// CodePlatform: there is no verified build for this platform.
	CodePlatform = "chdb.platform-unsupported"
	// CodeUnusable: the library cannot be loaded, or lacks a function.
	CodeUnusable = "chdb.library-unusable"
	// CodeLoaded: the process has loaded another library file.
	CodeLoaded = "chdb.library-loaded"
	// CodeOpen: the process has an engine open already.
	CodeOpen = "chdb.already-open"
	// CodeLocked: another process uses the directory.
	CodeLocked = "chdb.directory-locked"
	// CodeHollow: a full disk has left a table without its definition, or without
	// some of its rows. What is in the directory is no use until it is cleared.
	CodeHollow = "chdb.definition-empty"
	// CodeLost: the engine has lost something that it had to write, on a disk
	// without room or a sick one. Closed, it has cleared its directory.
	CodeLost = "chdb.write-lost"
	// CodeStart: the engine does not start on the directory.
	CodeStart = "chdb.start-failed"
	// CodeClosed: the engine is closed.
	CodeClosed = "chdb.closed"
	// CodeBusy: the engine was closed while statements were still open.
	CodeBusy = "chdb.statements-open"
)

// ErrClosed is what every statement gets after Close.
var ErrClosed = fault.New(fault.Unavailable, CodeClosed, "the embedded ClickHouse engine is closed")

// Codes of ClickHouse that this package answers with or looks for.
const (
	codeSyntaxError      = 62
	codeUnknownTable     = 60
	codeUnknownDatabase  = 81
	codeQueryCancelled   = 394
	codeNotImplemented   = 48
	codeUnknownException = 1002
	codeBadArguments     = 36
)

// serverError is a refusal of the engine, in ClickHouse's own words and code.
type serverError struct {
	code int
	text string
}

func (e *serverError) Error() string { return e.text }

// status is the HTTP status that a ClickHouse server answers such a code with.
func (e *serverError) status() int {
	switch e.code {
	case codeUnknownTable, codeUnknownDatabase:
		return 404
	case codeSyntaxError, codeBadArguments:
		return 400
	case codeNotImplemented:
		return 501
	default:
		return 500
	}
}

var codePattern = regexp.MustCompile(`Code:\s*(\d+)\.`)

// newServerError reads the code out of the engine's text. The text is cut to
// begin at the code, which is how a server words it.
func newServerError(text string) *serverError {
	at := codePattern.FindStringSubmatchIndex(text)
	if at == nil {
		return refusal(codeUnknownException, text)
	}
	number, err := strconv.ParseInt(text[at[2]:at[3]], 10, 32)
	if err != nil || number == 0 {
		return refusal(codeUnknownException, text)
	}
	code := int(number)
	text = text[at[0]:]
	// Some errors are worded twice, one around the other.
	prefix := "Code: " + strconv.Itoa(code) + ". DB::Exception: "
	for strings.HasPrefix(text, prefix+prefix) {
		text = text[len(prefix):]
	}
	return &serverError{code: code, text: text}
}

// refusal is an error that this package raises in the engine's place.
func refusal(code int, text string) *serverError {
	return &serverError{code: code, text: "Code: " + strconv.Itoa(code) + ". DB::Exception: " + text}
}

var exceptionName = regexp.MustCompile(`^Code:\s*\d+\.\s*([A-Za-z:]+):\s*`)

// exception is an error as the driver would have read it off an answer.
func exception(err error) error {
	var refused *serverError
	if !errors.As(err, &refused) {
		return err
	}
	e := &clickhouse.Exception{Code: int32(refused.code), Name: "DB::Exception", Message: strings.TrimSpace(refused.text)}
	if at := exceptionName.FindStringSubmatchIndex(refused.text); at != nil {
		e.Name, e.Message = refused.text[at[2]:at[3]], strings.TrimSpace(refused.text[at[1]:])
	}
	return e
}
