// Package auth says who asks. It reads signed bearer tokens (JWT, RFC 7519) of
// an identity provider, by its public keys. For demonstrations it also has an
// issuer of its own.
package auth

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/web/request"
)

// Config says whose tokens are believed. Exactly one source of keys is needed.
type Config struct {
	// Issuer and Audience must be in the token, as iss and aud.
	Issuer, Audience string
	// KeyFiles are PEM files of public keys (RSA from 2048 bits, P-256 or Ed25519).
	KeyFiles []string
	// JWKSFile and JWKSURL are sets of keys (RFC 7517). The one at a URL is
	// fetched again when it is old, or when a token names a key that is not in it.
	JWKSFile, JWKSURL string
	// Leeway is by how much clocks may differ; 0 is DefaultLeeway.
	Leeway time.Duration
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// DefaultLeeway is half a minute.
const DefaultLeeway = 30 * time.Second

// MaxToken bounds a token, in bytes.
const MaxToken = 8 << 10

// algorithms are the asymmetric ones that are believed. "none" and the shared
// secrets (HS…) are not among them, whatever a token says of itself.
var algorithms = []string{"EdDSA", "ES256", "RS256"}

// ErrToken is the refusal of a token. It does not say why to the caller; the log does.
var ErrToken = fault.New(fault.Unauthenticated, "auth.token", "the token is not valid here, or has expired; sign in again")

// Verifier reads tokens. It is safe for concurrent use.
type Verifier struct {
	keys   jwt.Keyfunc
	parser *jwt.Parser
	known  *known
}

// Claims are those that a token must hold.
type Claims struct {
	jwt.RegisteredClaims
	Role       event.Role `json:"role"`
	Agency     string     `json:"agency,omitempty"`
	Department string     `json:"department,omitempty"`
	Name       string     `json:"name,omitempty"`
	// Verified is true where the person signed in with a verified electronic
	// identity (định danh điện tử mức độ 2).
	Verified bool `json:"verified_identity,omitempty"`
}

// NewVerifier reads the keys. ctx ends the refreshing of keys from a URL.
func NewVerifier(ctx context.Context, c Config) (*Verifier, error) {
	if c.Issuer == "" || c.Audience == "" {
		return nil, errors.New("auth: an issuer and an audience are needed")
	}
	sources := 0
	for _, given := range []bool{len(c.KeyFiles) > 0, c.JWKSFile != "", c.JWKSURL != ""} {
		if given {
			sources++
		}
	}
	if sources != 1 {
		return nil, errors.New("auth: give keys by PEM files, by a JWKS file or by a JWKS address, and by only one of them")
	}
	var keys jwt.Keyfunc
	switch {
	case len(c.KeyFiles) > 0:
		read, err := readPEM(c.KeyFiles)
		if err != nil {
			return nil, err
		}
		keys = anyOf(read)
	case c.JWKSFile != "":
		text, err := os.ReadFile(c.JWKSFile)
		if err != nil {
			return nil, fmt.Errorf("auth: %w", err)
		}
		set, err := keyfunc.NewJWKSetJSON(json.RawMessage(text))
		if err != nil {
			return nil, fmt.Errorf("auth: %s: %w", c.JWKSFile, err)
		}
		keys = set.Keyfunc
	default:
		set, err := keyfunc.NewDefaultCtx(ctx, []string{c.JWKSURL})
		if err != nil {
			return nil, fmt.Errorf("auth: keys at %s: %w", c.JWKSURL, err)
		}
		keys = set.Keyfunc
	}
	return newVerifier(c, keys), nil
}

func newVerifier(c Config, keys jwt.Keyfunc) *Verifier {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Leeway == 0 {
		c.Leeway = DefaultLeeway
	}
	return &Verifier{keys: keys, known: newKnown(c.Now, c.Leeway), parser: jwt.NewParser(
		jwt.WithValidMethods(algorithms), jwt.WithIssuer(c.Issuer), jwt.WithAudience(c.Audience),
		jwt.WithExpirationRequired(), jwt.WithLeeway(c.Leeway), jwt.WithTimeFunc(c.Now), jwt.WithStrictDecoding(),
	)}
}

// Verify says whose token it is. Every refusal is ErrToken. A token that was
// found right is believed for a minute without another look at its signature;
// that it has not expired is looked at every time.
func (v *Verifier) Verify(token string) (request.Identity, error) {
	if len(token) > MaxToken {
		return request.Identity{}, refuse(errors.New("longer than allowed"))
	}
	hash := sha256.Sum256([]byte(token))
	if identity, ok := v.known.find(hash); ok {
		return identity, nil
	}
	checked := v.known.now()
	var claims Claims
	if _, err := v.parser.ParseWithClaims(token, &claims, v.keys); err != nil {
		return request.Identity{}, refuse(err)
	}
	if err := claims.check(); err != nil {
		return request.Identity{}, refuse(err)
	}
	identity := request.Identity{
		Actor: event.Actor{ID: claims.Subject, Role: claims.Role, Agency: claims.Agency, Department: claims.Department},
		Name:  claims.Name, Verified: claims.Verified, Expires: claims.ExpiresAt.Time,
	}
	var notBefore time.Time
	if claims.NotBefore != nil {
		notBefore = claims.NotBefore.Time
	}
	v.known.add(hash, identity, notBefore, checked)
	return identity, nil
}

func refuse(err error) error {
	return fault.New(fault.Unauthenticated, ErrToken.Code, "%s%w", ErrToken.Message, &hidden{err})
}

// hidden keeps a cause for the log out of the sentence for the caller.
type hidden struct{ cause error }

func (*hidden) Error() string   { return "" }
func (h *hidden) Unwrap() error { return h.cause }

// roles are those that a token may give. The ledger's own role is not among them.
var roles = []event.Role{event.RoleCitizen, event.RoleOfficer, event.RoleAuditor, event.RoleAnalyst, event.RoleAdmin, event.RoleSystem}

var identifier = regexp.MustCompile(`^[\x21-\x7e]{1,128}$`)

func (c Claims) check() error {
	switch {
	case !identifier.MatchString(c.Subject):
		return errors.New("sub is not a pseudonym of 1 to 128 printable characters")
	case !slices.Contains(roles, c.Role):
		return fmt.Errorf("role %q is none of the ledger's", c.Role)
	case c.Role == event.RoleOfficer && !identifier.MatchString(c.Agency):
		return errors.New("an officer's token names an agency")
	case c.Role != event.RoleOfficer && (c.Agency != "" || c.Department != ""):
		return errors.New("only an officer's token names an agency or department")
	case c.Department != "" && !identifier.MatchString(c.Department):
		return errors.New("department is not an identifier")
	case len(c.Name) > 200:
		return errors.New("name is too long")
	default:
		return nil
	}
}

func readPEM(files []string) ([]crypto.PublicKey, error) {
	var keys []crypto.PublicKey
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("auth: %w", err)
		}
		key, err := publicKey(text)
		if err != nil {
			return nil, fmt.Errorf("auth: %s: %w", file, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func publicKey(text []byte) (crypto.PublicKey, error) {
	if block, _ := pem.Decode(text); block != nil && block.Type == "PRIVATE KEY" {
		return nil, errors.New("this is a private key; the ledger needs only the public one")
	}
	if key, err := jwt.ParseEdPublicKeyFromPEM(text); err == nil {
		return key, nil
	}
	if key, err := jwt.ParseECPublicKeyFromPEM(text); err == nil {
		return key, nil
	}
	key, err := jwt.ParseRSAPublicKeyFromPEM(text)
	if err != nil {
		return nil, errors.New("it holds no public key of RSA, P-256 or Ed25519")
	}
	if key.N.BitLen() < 2048 {
		return nil, fmt.Errorf("an RSA key of %d bits is too weak; 2048 are needed", key.N.BitLen())
	}
	return key, nil
}

// anyOf tries each key that fits the token's algorithm.
func anyOf(keys []crypto.PublicKey) jwt.Keyfunc {
	set := make([]jwt.VerificationKey, len(keys))
	for i, key := range keys {
		set[i] = key
	}
	return func(*jwt.Token) (any, error) { return jwt.VerificationKeySet{Keys: set}, nil }
}
