package beside

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/framing"
	"dossierledger/infra/keys"
)

// Events is what is offered of a store.
type Events interface {
	Head(ctx context.Context) (position uint64, ok bool, err error)
	ReadAll(ctx context.Context, read eventstore.AllRead) iter.Seq2[eventstore.Recorded, error]
}

// Offer is a ledger that is offered for reading until it is closed.
type Offer struct {
	server  *http.Server
	path    string
	release func() error
	served  chan error
}

// Open offers a ledger to other processes that can read its data folder, which
// this process must have for itself. vault is nil where there are no keys to offer.
func Open(data string, events Events, vault keys.Copier, log *slog.Logger) (*Offer, error) {
	folder := filepath.Join(data, folderName)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("socket of the ledger: %w", err)
	}
	// The folder keeps others out from before the socket is there.
	if err := os.Chmod(folder, 0o700); err != nil {
		return nil, fmt.Errorf("socket of the ledger: %w", err)
	}
	// One that is there was left by a process that died.
	if err := os.Remove(filepath.Join(folder, socketName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("socket of the ledger: %w", err)
	}
	path, release, err := address(data)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("socket of the ledger: %w", err), release())
	}
	o := &Offer{path: path, release: release, served: make(chan error, 1)}
	h := &offered{events: events, vault: vault, log: log}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /head", h.head)
	mux.HandleFunc("GET /events", h.all)
	mux.HandleFunc("GET /keys", h.keys)
	o.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	go func() { o.served <- o.server.Serve(listener) }()
	return o, nil
}

// Close ends the offer; streams that are being read break off.
func (o *Offer) Close() error {
	err := o.server.Close()
	if served := <-o.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return errors.Join(err, o.release())
}

type offered struct {
	events Events
	vault  keys.Copier
	log    *slog.Logger
}

// refusal is how a fault is told before anything was sent.
type refusal struct {
	Kind    fault.Kind `json:"kind"`
	Code    string     `json:"code"`
	Message string     `json:"message"`
}

func (h *offered) refuse(w http.ResponseWriter, err error) {
	r := refusal{Kind: fault.KindOf(err), Code: fault.CodeOf(err)}
	r.Message = strings.TrimPrefix(err.Error(), r.Code+": ")
	w.WriteHeader(http.StatusInternalServerError)
	if err := json.NewEncoder(w).Encode(r); err != nil {
		h.log.Warn("a reader beside the ledger went away", "error", err)
	}
}

type headAnswer struct {
	Position uint64 `json:"position"`
	Exists   bool   `json:"exists"`
}

func (h *offered) head(w http.ResponseWriter, r *http.Request) {
	position, ok, err := h.events.Head(r.Context())
	if err != nil {
		h.refuse(w, err)
		return
	}
	if err := json.NewEncoder(w).Encode(headAnswer{position, ok}); err != nil {
		h.log.Warn("a reader beside the ledger went away", "error", err)
	}
}

// all sends events. What fails after the first byte can only break off.
func (h *offered) all(w http.ResponseWriter, r *http.Request) {
	read, err := readOf(r)
	if err != nil {
		h.refuse(w, err)
		return
	}
	out := bufio.NewWriterSize(w, 256<<10)
	frame, count := framing.AppendHeader(nil), uint64(0)
	for e, err := range h.events.ReadAll(r.Context(), read) {
		if err != nil && count == 0 {
			h.refuse(w, err)
			return
		}
		if err == nil {
			frame = framing.AppendEvent(frame, &e)
			_, err = out.Write(frame)
			frame, count = frame[:0], count+1
		}
		if err != nil {
			h.breakOff(r.Context(), err)
		}
	}
	_, err = out.Write(framing.AppendEnd(frame, count))
	if err = errors.Join(err, out.Flush()); err != nil {
		h.breakOff(r.Context(), err)
	}
}

func (h *offered) breakOff(ctx context.Context, err error) {
	if ctx.Err() == nil {
		h.log.Warn("a reader beside the ledger is cut off", "error", err)
	}
	panic(http.ErrAbortHandler)
}

func readOf(r *http.Request) (read eventstore.AllRead, err error) {
	query := r.URL.Query()
	if text := query.Get("after"); text != "" {
		after, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return read, fault.New(fault.Invalid, "beside.request", "after is not a position: %q", text)
		}
		read.After = &after
	}
	if text := query.Get("limit"); text != "" {
		if read.Limit, err = strconv.Atoi(text); err != nil {
			return read, fault.New(fault.Invalid, "beside.request", "limit is not a number: %q", text)
		}
	}
	if query.Has("backwards") {
		read.Direction = eventstore.Backwards
	}
	return read, nil
}

// keyLine is one part of a copy of the keys, or the marked end with their number.
type keyLine struct {
	*keys.Wrapped
	End *uint64 `json:"end,omitempty"`
}

func (h *offered) keys(w http.ResponseWriter, r *http.Request) {
	if h.vault == nil {
		h.refuse(w, fault.New(keys.ErrNone.Kind, keys.ErrNone.Code, "the process that has the ledger open has no keys that can be copied"))
		return
	}
	out := bufio.NewWriterSize(w, 64<<10)
	lines, count := json.NewEncoder(out), uint64(0)
	err := h.vault.Copy(r.Context(), func(part keys.Wrapped) error {
		count++
		return lines.Encode(keyLine{Wrapped: &part})
	})
	if err != nil && count == 0 {
		h.refuse(w, err)
		return
	}
	if err == nil {
		err = errors.Join(lines.Encode(keyLine{End: &count}), out.Flush())
	}
	if err != nil {
		h.breakOff(r.Context(), err)
	}
}
