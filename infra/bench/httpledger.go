package bench

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/infra/ledger"
	"dossierledger/infra/web/auth"
	"github.com/gofiber/fiber/v2"
	"github.com/golang-jwt/jwt/v5"
)

// servedLedger is a ledger that answers on a loopback address, with its policies,
// its log and its limits, and sessions of citizens and officers to ask with.
type servedLedger struct {
	*ledger.Ledger
	addr     string
	agencies []string // that decide on procedureCode
	key      ed25519.PrivateKey
	stop     context.CancelFunc
	served   chan error
}

// The procedure that the loads are about, its papers, and for whom tokens are.
const (
	procedureCode = "3.000347"
	benchIssuer   = "bench"
	benchAudience = "dossier-ledger"
)

// serveLedger starts a ledger in a folder. Without read models its ClickHouse is
// at an address where nobody answers.
func serveLedger(ctx context.Context, dir string, readModels bool) (s *servedLedger, err error) {
	config := ledger.Config{Data: filepath.Join(dir, "data"), Logger: slog.New(slog.NewJSONHandler(io.Discard, nil))}
	if !readModels {
		config.ClickHouseDSNFile = filepath.Join(dir, "clickhouse.dsn")
		if err := os.WriteFile(config.ClickHouseDSNFile, []byte("clickhouse://127.0.0.1:1/none"), 0o600); err != nil {
			return nil, err
		}
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	keyFile := filepath.Join(dir, "issuer.pem")
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
		return nil, err
	}
	s = &servedLedger{key: private, served: make(chan error, 1)}
	if s.Ledger, err = ledger.Open(ctx, config); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Ledger.Close())
		}
	}()
	if _, err := s.Seed(ctx); err != nil {
		return nil, err
	}
	if err := s.findAgencies(); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	serve := ledger.ServeConfig{Auth: auth.Config{Issuer: benchIssuer, Audience: benchAudience, KeyFiles: []string{keyFile}}}
	serve.Web.Rate, serve.Web.Burst = 1e6, 1e6 // requests are counted, and none is refused
	s.addr = listener.Addr().String()
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	go func() { s.served <- s.Serve(ctx, serve, listener, nil) }()
	return s, nil
}

func (s *servedLedger) findAgencies() error {
	directory, err := s.Registers.Directory()
	if err != nil {
		return err
	}
	now := time.Now()
	version, err := s.Registers.InForce(procedureCode, now)
	if err != nil {
		return err
	}
	for _, id := range directory.IDs() {
		if directory.Decides(*version, id, now) {
			s.agencies = append(s.agencies, id)
		}
	}
	if len(s.agencies) == 0 {
		return fmt.Errorf("no agency decides on procedure %s", procedureCode)
	}
	return nil
}

// close stops the server and the ledger.
func (s *servedLedger) close() error {
	s.stop()
	return errors.Join(<-s.served, s.Ledger.Close())
}

// session is somebody who is signed in.
type session struct{ id, agency, token string }

func (s *servedLedger) signIn(actor event.Actor) (session, error) {
	now := time.Now()
	token, err := jwt.NewWithClaims(jwt.SigningMethodEdDSA, auth.Claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Subject: actor.ID, Issuer: benchIssuer, Audience: jwt.ClaimStrings{benchAudience}, ExpiresAt: jwt.NewNumericDate(now.Add(12 * time.Hour)),
		},
		Role: actor.Role, Agency: actor.Agency, Department: actor.Department, Verified: actor.Role == event.RoleCitizen,
	}).SignedString(s.key)
	return session{actor.ID, actor.Agency, token}, err
}

// citizens signs some citizens in, under names that are new.
func (s *servedLedger) citizens(name string, n int) ([]session, error) {
	sessions := make([]session, n)
	for i := range sessions {
		var err error
		if sessions[i], err = s.signIn(event.Actor{ID: fmt.Sprintf("citizen-%s-%06d", name, i), Role: event.RoleCitizen}); err != nil {
			return nil, err
		}
	}
	return sessions, nil
}

// desks signs in an officer of the one-stop desk of each agency.
func (s *servedLedger) desks() (map[string]session, error) {
	desks := map[string]session{}
	for _, agency := range s.agencies {
		var err error
		if desks[agency], err = s.signIn(event.Actor{ID: "officer-" + agency, Role: event.RoleOfficer, Agency: agency, Department: dossier.OneStop}); err != nil {
			return nil, err
		}
	}
	return desks, nil
}

// submissionOf is what a citizen sends to hand in a dossier with three papers.
func submissionOf(citizen, agency string) []byte {
	paper := func(component string) string {
		return `{"component":"` + component + `","hash":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","size_bytes":184220,"media_type":"application/pdf","form":"electronic","file_name":"` + component + `.pdf"}`
	}
	return []byte(`{"procedure":"` + procedureCode + `","channel":"online","applicant":{"subject":"` + citizen +
		`","kind":"citizen","name":"Nguyễn Văn Mẫu","phone":"0900000001"},"receiving_agency":"` + agency + `","competent_agency":"` + agency +
		`","delivery":"post","documents":[` + paper("application") + "," + paper("licence") + "," + paper("photo") + `]}`)
}

// plainServer is Fiber with as little around a request as there can be: POST
// reads the same JSON into the same shape and answers nothing, GET sends bytes
// that lie ready.
type plainServer struct {
	app  *fiber.App
	addr string
	done chan error
	sent []byte
}

func servePlain() (*plainServer, error) {
	p := &plainServer{app: fiber.New(fiber.Config{DisableStartupMessage: true}), done: make(chan error, 1)}
	p.app.Post("/submit", decodeOnly[dossier.Submit](fiber.StatusCreated))
	p.app.Post("/receive", decodeOnly[dossier.Receive](fiber.StatusOK))
	p.app.Get("/timeline", func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
		return c.Send(p.sent)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.addr = listener.Addr().String()
	go func() { p.done <- p.app.Listener(listener) }()
	return p, nil
}

func (p *plainServer) close() error {
	return errors.Join(p.app.ShutdownWithTimeout(5*time.Second), <-p.done)
}

func decodeOnly[T any](status int) fiber.Handler {
	return func(c *fiber.Ctx) error {
		var v T
		if err := json.Unmarshal(c.Body(), &v); err != nil {
			return err
		}
		return c.SendStatus(status)
	}
}
