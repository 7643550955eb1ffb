package auth

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/domain/procedure"
	"dossierledger/infra/catalogue"
)

// Of the development issuer's tokens.
const (
	DevIssuerName = "dossier-ledger-demo"
	DevAudience   = "dossier-ledger"
	DevLifetime   = 12 * time.Hour
)

// Persona is a made-up person to sign in as.
type Persona struct {
	ID         string         `json:"id"`
	Role       event.Role     `json:"role"`
	Agency     string         `json:"agency,omitempty"`
	Department string         `json:"department,omitempty"`
	Name       procedure.Text `json:"name"`
	Title      procedure.Text `json:"title"`
}

// ErrPersona is the refusal of a persona that there is not.
var ErrPersona = fault.New(fault.NotFound, "dev.no-persona", "there is no such sample person")

// DevIssuer signs in made-up persons without a password. It is for
// demonstrations and development only: whoever reaches it can be anybody.
type DevIssuer struct {
	key      ed25519.PrivateKey
	personas []Persona
	byID     map[string]Persona
	now      func() time.Time
}

// OpenDevIssuer opens the issuer whose key is in a file, which is made when it
// is not there, so that sign-ins outlive a restart.
func OpenDevIssuer(keyFile string, officers []catalogue.Officer, now func() time.Time) (*DevIssuer, error) {
	key, err := devKey(keyFile)
	if err != nil {
		return nil, fmt.Errorf("development issuer: %w", err)
	}
	if now == nil {
		now = time.Now
	}
	d := &DevIssuer{key: key, now: now, byID: map[string]Persona{}}
	d.personas = others()
	for _, o := range officers {
		d.personas = append(d.personas, Persona{
			ID: o.ID, Role: o.Role, Agency: o.Agency, Department: o.Department, Name: o.Name, Title: o.Title,
		})
	}
	for _, p := range d.personas {
		d.byID[p.ID] = p
	}
	return d, nil
}

// others are the sample persons who are no officers.
func others() []Persona {
	person := func(id string, role event.Role, vi, en, titleVI, titleEN string) Persona {
		return Persona{ID: id, Role: role, Name: procedure.Text{VI: vi, EN: en}, Title: procedure.Text{VI: titleVI, EN: titleEN}}
	}
	return []Persona{
		person("citizen-an", event.RoleCitizen, "Công dân mẫu An", "Sample Citizen An", "Công dân", "Citizen"),
		person("citizen-binh", event.RoleCitizen, "Công dân mẫu Bình", "Sample Citizen Binh", "Công dân", "Citizen"),
		person("citizen-chi", event.RoleCitizen, "Doanh nghiệp mẫu Chi", "Sample Business Chi", "Doanh nghiệp", "Business"),
		person("auditor-1", event.RoleAuditor, "Thanh tra mẫu", "Sample Auditor", "Kiểm toán, thanh tra", "Auditor"),
		person("analyst-1", event.RoleAnalyst, "Chuyên viên phân tích mẫu", "Sample Analyst", "Phân tích số liệu", "Analyst"),
		person("gateway-1", event.RoleSystem, "Cổng thanh toán mẫu", "Sample Payment Gateway", "Hệ thống thanh toán", "Payment gateway"),
		person("admin-1", event.RoleAdmin, "Quản trị mẫu", "Sample Administrator", "Quản trị hệ thống", "Administrator"),
	}
}

// Personas lists whom one can sign in as: citizens, auditor, analyst and
// administrator first, then the officers.
func (d *DevIssuer) Personas() []Persona { return append([]Persona(nil), d.personas...) }

// Persona finds one by its id.
func (d *DevIssuer) Persona(id string) (Persona, bool) {
	p, ok := d.byID[id]
	return p, ok
}

// Issue signs a token for a persona, good for DevLifetime.
func (d *DevIssuer) Issue(id string) (token string, expires time.Time, err error) {
	p, ok := d.byID[id]
	if !ok {
		return "", time.Time{}, ErrPersona
	}
	now := d.now()
	expires = now.Add(DevLifetime)
	claims := Claims{
		RegisteredClaims: jwt.RegisteredClaims{
			ID: uuid.NewString(), Subject: p.ID, Issuer: DevIssuerName, Audience: jwt.ClaimStrings{DevAudience},
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(expires),
		},
		Role: p.Role, Agency: p.Agency, Department: p.Department, Name: p.Name.VI, Verified: p.Role == event.RoleCitizen,
	}
	token, err = jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims).SignedString(d.key)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("development issuer: %w", err)
	}
	return token, expires, nil
}

// Verifier believes this issuer's tokens and no others.
func (d *DevIssuer) Verifier() *Verifier {
	return newVerifier(Config{Issuer: DevIssuerName, Audience: DevAudience, Now: d.now},
		func(*jwt.Token) (any, error) { return d.key.Public(), nil })
}

func devKey(file string) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return makeDevKey(file)
	}
	if err != nil {
		return nil, err
	}
	key, err := jwt.ParseEdPrivateKeyFromPEM(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s: this is no Ed25519 key", file)
	}
	return private, nil
}

func makeDevKey(file string) (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, writeWhole(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// writeWhole writes a file for its owner alone, so that after a loss of power it
// is there whole or not at all.
func writeWhole(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
