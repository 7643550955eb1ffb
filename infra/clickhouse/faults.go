package clickhouse

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/ClickHouse/clickhouse-go/v2"

	"dossierledger/domain/fault"
	"dossierledger/infra/clickhouse/chdb"
)

// Codes of this package's faults.
const (
	// CodeUnavailable: ClickHouse is away or cannot take the statement now; the
	// same statement may succeed later.
	CodeUnavailable = "clickhouse.unavailable"
	// CodeDSN: the DSN or what belongs to it cannot be used.
	CodeDSN = "clickhouse.dsn"
	// CodeMigration: the tables could not be brought up to date.
	CodeMigration = "clickhouse.migration"
	// CodeRows: the rows to insert do not fit the table.
	CodeRows = "clickhouse.rows"
)

// ErrUnavailable is for errors.Is: every error of this package that means
// "try again later" is one.
var ErrUnavailable = fault.New(fault.Unavailable, CodeUnavailable, "ClickHouse is away")

// ErrLost is for errors.Is: the embedded engine has lost something that it had to
// write. Unlike the other errors that mean "try again later", it stays until the
// pool is closed and opened again; see DB.Lost.
var ErrLost = fault.New(fault.Unavailable, chdb.CodeLost,
	"the embedded ClickHouse could not write: its tables are made again from the events when it is opened the next time")

// transient are ClickHouse's codes for states that pass by themselves.
var transient = map[int32]bool{
	159: true, // TIMEOUT_EXCEEDED
	202: true, // TOO_MANY_SIMULTANEOUS_QUERIES
	209: true, // SOCKET_TIMEOUT
	210: true, // NETWORK_ERROR
	236: true, // ABORTED, by a shutdown
	241: true, // MEMORY_LIMIT_EXCEEDED
	242: true, // TABLE_IS_READ_ONLY, while Keeper is away
	243: true, // NOT_ENOUGH_SPACE, until there is room
	252: true, // TOO_MANY_PARTS, until merges catch up
	279: true, // ALL_CONNECTION_TRIES_FAILED
	285: true, // TOO_FEW_LIVE_REPLICAS, for a quorum
	286: true, // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
	319: true, // UNKNOWN_STATUS_OF_INSERT
	999: true, // KEEPER_EXCEPTION
}

// noRoom is in the message of every refusal, whatever its code, that comes of a
// full disk: the system's own words for it.
const noRoom = "No space left on device"

// Classify makes a fault of code CodeUnavailable out of an error that means
// that ClickHouse is away or overloaded, with the error as its cause, and gives
// back every other error as it is. Methods of DB have done so already; it is
// for errors that come out of the driver another way.
//
// When ctx has ended, that is the reason, and no such fault: the caller knows
// why. ctx decides, and not the error, since a connection that timed out says
// the same as a context that did.
func Classify(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	if _, ok := fault.As(err); ok {
		return err
	}
	var exception *clickhouse.Exception
	if errors.As(err, &exception) {
		if transient[exception.Code] || strings.Contains(exception.Message, noRoom) {
			return fault.New(fault.Unavailable, CodeUnavailable, "ClickHouse cannot take the statement now: %w", err)
		}
		return err
	}
	if away(err) {
		return fault.New(fault.Unavailable, CodeUnavailable, "ClickHouse is away: %w", err)
	}
	return err
}

func away(err error) bool {
	for _, sign := range []error{
		context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, driver.ErrBadConn, net.ErrClosed,
		syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE,
		clickhouse.ErrAcquireConnTimeout, clickhouse.ErrAcquireConnNoAddress, clickhouse.ErrConnectionClosed,
	} {
		if errors.Is(err, sign) {
			return true
		}
	}
	if netErr, ok := errors.AsType[net.Error](err); ok && netErr != nil {
		return true
	}
	// A proxy before the servers, or one of them starting up.
	if httpErr, ok := errors.AsType[*clickhouse.HTTPError](err); ok {
		switch httpErr.StatusCode {
		case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusTooManyRequests:
			return true
		}
	}
	return false
}
