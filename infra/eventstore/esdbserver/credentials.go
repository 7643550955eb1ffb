package esdbserver

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"dossierledger/domain/fault"
	streamsapi "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// User is one who may call.
type User struct {
	// Password is compared in constant time. Empty is for who comes with a user
	// certificate only.
	Password string
	// Admin may do everything: read and write streams that begin with "$" whatever
	// their $acl says, and manage persistent subscriptions.
	Admin bool
	// Groups are roles that an $acl may name, beside the login itself.
	Groups []string
}

type account struct {
	// password is nil where there is none.
	password *[sha256.Size]byte
	caller   caller
}

type accounts map[string]account

func newAccounts(users map[string]User, certificates bool) (accounts, error) {
	out := make(accounts, len(users))
	for login, u := range users {
		if login == "" || strings.Contains(login, ":") || u.Password == "" && !certificates {
			return nil, fault.New(fault.Invalid, "esdbserver.options",
				"a user needs a login without colon and a password (login %q)", login)
		}
		who := caller{login: login, admin: u.Admin || slices.Contains(u.Groups, administrators), groups: slices.Clone(u.Groups)}
		a := account{caller: who}
		if u.Password != "" {
			sum := sha256.Sum256([]byte(u.Password))
			a.password = &sum
		}
		out[login] = a
	}
	return out, nil
}

// caller is who makes a call.
type caller struct {
	login  string
	admin  bool
	groups []string
}

func (c caller) has(role string) bool {
	return role == everybody || role == c.login || slices.Contains(c.groups, role)
}

type callerKey struct{}

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

// public are the calls that clients make before they say who they are.
func public(method string) bool {
	return strings.HasPrefix(method, "/event_store.client.gossip.") ||
		strings.HasPrefix(method, "/event_store.client.server_features.")
}

func (s *Server) admit(ctx context.Context, method string) (context.Context, error) {
	if len(s.accounts) == 0 {
		return context.WithValue(ctx, callerKey{}, caller{login: "anonymous", admin: true}), nil
	}
	if public(method) {
		return ctx, nil
	}
	a, ok := s.identified(ctx)
	if !ok {
		return nil, status.Error(codes.Unauthenticated, "Unauthenticated")
	}
	return context.WithValue(ctx, callerKey{}, a.caller), nil
}

// identified finds who calls. A certificate ranks before a password, as in
// EventStoreDB: whoever comes with one is its owner or nobody.
func (s *Server) identified(ctx context.Context) (account, bool) {
	if login, ok := certifiedLogin(ctx); ok {
		a, known := s.accounts[login]
		return a, known
	}
	login, password, ok := basicCredentials(ctx)
	a, known := s.accounts[login]
	given := sha256.Sum256([]byte(password))
	wanted := a.password
	if wanted == nil {
		wanted = new([sha256.Size]byte)
	}
	same := subtle.ConstantTimeCompare(given[:], wanted[:]) == 1
	return a, ok && known && a.password != nil && same
}

// certifiedLogin is the name in a certificate that the server's TLS configuration
// has verified: the login of EventStoreDB's user certificates.
func certifiedLogin(ctx context.Context) (string, bool) {
	from, ok := peer.FromContext(ctx)
	if !ok {
		return "", false
	}
	info, ok := from.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 {
		return "", false
	}
	return info.State.VerifiedChains[0][0].Subject.CommonName, true
}

// basicCredentials reads HTTP basic authentication (RFC 7617) from a call's headers.
func basicCredentials(ctx context.Context) (login, password string, ok bool) {
	md, _ := metadata.FromIncomingContext(ctx)
	for _, value := range md.Get("authorization") {
		scheme, encoded, found := strings.Cut(value, " ")
		if !found || !strings.EqualFold(scheme, "basic") {
			continue
		}
		plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
		if err != nil {
			return "", "", false
		}
		return strings.Cut(string(plain), ":")
	}
	return "", "", false
}

func (s *Server) admitUnary(
	ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler,
) (any, error) {
	ctx, err := s.admit(ctx, info.FullMethod)
	if err != nil {
		return nil, err
	}
	answer, err := handler(ctx, req)
	if err != nil {
		return nil, s.refusal(info.FullMethod, err, func(md metadata.MD) error { return grpc.SetTrailer(ctx, md) })
	}
	return answer, nil
}

type admitted struct {
	grpc.ServerStream
	ctx context.Context
}

func (a admitted) Context() context.Context { return a.ctx }

func (s *Server) admitStream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	ctx, err := s.admit(ss.Context(), info.FullMethod)
	if err != nil {
		s.drain(ss, info.FullMethod)
		return err
	}
	if err := handler(srv, admitted{ServerStream: ss, ctx: ctx}); err != nil {
		return s.refusal(info.FullMethod, err, func(md metadata.MD) error {
			ss.SetTrailer(md)
			return nil
		})
	}
	return nil
}

// drainTime bounds how long a refused append may go on sending.
const drainTime = 2 * time.Second

// drain reads an append that is refused, up to the largest that is taken: some
// clients report a call that ends while they send as broken rather than refused.
func (s *Server) drain(ss grpc.ServerStream, method string) {
	if method != streamsapi.Streams_Append_FullMethodName {
		return
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for read := 0; read <= s.opts.MaxAppendBytes; {
			var req streamsapi.AppendReq
			if ss.RecvMsg(&req) != nil {
				return
			}
			read += proto.Size(&req) + 1
		}
	}()
	timer := time.NewTimer(drainTime)
	defer timer.Stop()
	select {
	case <-drained:
	case <-timer.C:
	}
}
