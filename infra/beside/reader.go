package beside

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"syscall"

	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/framing"
	"dossierledger/infra/keys"
)

// Reader reads a ledger that another process has open.
type Reader struct {
	http    *http.Client
	release func() error
}

var (
	_ Events      = (*Reader)(nil)
	_ keys.Copier = (*Reader)(nil)
)

// Dial finds the process that offers the ledger in a data folder. ErrNotOffered
// where there is none.
func Dial(ctx context.Context, data string) (*Reader, error) {
	path, release, err := address(data)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}
	r := &Reader{http: &http.Client{Transport: transport}, release: release}
	if _, _, err := r.Head(ctx); err != nil {
		err = errors.Join(err, r.Close())
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
			return nil, notOffered(data)
		}
		return nil, err
	}
	return r, nil
}

// Close frees the connection.
func (r *Reader) Close() error {
	r.http.CloseIdleConnections()
	return r.release()
}

// ask sends a request; the caller closes the answer.
func (r *Reader) ask(ctx context.Context, what string, query url.Values) (io.ReadCloser, error) {
	address := url.URL{Scheme: "http", Host: "ledger", Path: what, RawQuery: query.Encode()}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("ask the process that has the ledger open: %w", err)
	}
	answer, err := r.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the process that has the ledger open: %w", err)
	}
	if answer.StatusCode == http.StatusOK {
		return answer.Body, nil
	}
	var told refusal
	err = errors.Join(json.NewDecoder(io.LimitReader(answer.Body, 64<<10)).Decode(&told), answer.Body.Close())
	if err != nil {
		return nil, fmt.Errorf("the process that has the ledger open answered with %s: %w", answer.Status, err)
	}
	if told.Code == "" {
		return nil, fmt.Errorf("the process that has the ledger open: %s", told.Message)
	}
	return nil, fault.New(told.Kind, told.Code, "%s", told.Message)
}

// Head implements Events.
func (r *Reader) Head(ctx context.Context) (position uint64, ok bool, err error) {
	body, err := r.ask(ctx, "/head", nil)
	if err != nil {
		return 0, false, err
	}
	var head headAnswer
	if err := errors.Join(json.NewDecoder(body).Decode(&head), body.Close()); err != nil {
		return 0, false, fmt.Errorf("ask the process that has the ledger open: %w", err)
	}
	return head.Position, head.Exists, nil
}

// ReadAll implements Events; it knows no filter.
func (r *Reader) ReadAll(ctx context.Context, read eventstore.AllRead) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		query := url.Values{}
		if read.After != nil {
			query.Set("after", strconv.FormatUint(*read.After, 10))
		}
		if read.Limit > 0 {
			query.Set("limit", strconv.Itoa(read.Limit))
		}
		if read.Direction == eventstore.Backwards {
			query.Set("backwards", "")
		}
		body, err := r.ask(ctx, "/events", query)
		if err != nil {
			yield(eventstore.Recorded{}, err)
			return
		}
		defer func() { _ = body.Close() }() // what was read of it is what counts
		for events := framing.NewReader(body); ; {
			e, err := events.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(eventstore.Recorded{}, brokenOff(ctx, err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

func brokenOff(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fault.New(fault.Unavailable, "beside.broken-off", "the process that has the ledger open stopped sending: %w", err)
}

// Copy implements keys.Copier.
func (r *Reader) Copy(ctx context.Context, each func(keys.Wrapped) error) error {
	body, err := r.ask(ctx, "/keys", nil)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }() // what was read of it is what counts
	for lines, count := json.NewDecoder(bufio.NewReader(body)), uint64(0); ; count++ {
		var line keyLine
		if err := lines.Decode(&line); err != nil {
			return brokenOff(ctx, err)
		}
		if line.End != nil {
			if *line.End != count {
				return brokenOff(ctx, fmt.Errorf("%d keys of %d", count, *line.End))
			}
			return nil
		}
		if line.Wrapped == nil {
			return brokenOff(ctx, errors.New("a line that is no key"))
		}
		if err := each(*line.Wrapped); err != nil {
			return err
		}
	}
}
