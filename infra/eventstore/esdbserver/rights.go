package esdbserver

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"dossierledger/infra/eventstore"
)

// right is what somebody may do with a stream.
type right int

const (
	readRight right = iota
	writeRight
	deleteRight
	metadataReadRight
	metadataWriteRight
)

// Roles that EventStoreDB knows by itself. Everybody has the one, administrators
// the other; a login is a role too.
const (
	everybody      = "$all"
	administrators = "$admins"
	// settingsStream holds, in its last event, who may do what with streams whose
	// metadata does not say.
	settingsStream = "$settings"
)

// roleList is written as one role or as a list of them.
type roleList []string

// UnmarshalJSON implements json.Unmarshaler.
func (r *roleList) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*r = roleList{one}
		return nil
	}
	var several []string
	if err := json.Unmarshal(text, &several); err != nil {
		return err
	}
	*r = append(roleList{}, several...)
	return nil
}

// accessList is an $acl. What it does not say is nil.
type accessList struct {
	Read          *roleList `json:"$r"`
	Write         *roleList `json:"$w"`
	Delete        *roleList `json:"$d"`
	MetadataRead  *roleList `json:"$mr"`
	MetadataWrite *roleList `json:"$mw"`
}

func (a *accessList) of(r right) *roleList {
	if a == nil {
		return nil
	}
	return [...]*roleList{a.Read, a.Write, a.Delete, a.MetadataRead, a.MetadataWrite}[r]
}

// may says whether a caller has a right to a stream: by the $acl of its metadata,
// else by the defaults in $settings, else everybody has it where the stream's name
// does not begin with "$". An administrator has every right. A metadata stream
// has no rights of its own, they are those of the stream that it is about.
func (s *Server) may(ctx context.Context, who caller, stream string, r right) (bool, error) {
	if who.admin {
		return true, nil
	}
	if about, ok := strings.CutPrefix(stream, metadataPrefix); ok {
		switch r {
		case readRight:
			r = metadataReadRight
		case writeRight:
			r = metadataWriteRight
		}
		stream = about
	}
	roles, err := s.roles(ctx, stream, r)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(roles, who.has), nil
}

func (s *Server) roles(ctx context.Context, stream string, r right) (roleList, error) {
	meta, err := s.store.Metadata(ctx, stream)
	if err != nil {
		return nil, err
	}
	if meta.Exists {
		var m struct {
			List *accessList `json:"$acl"`
		}
		// Metadata that is not EventStoreDB's says nothing on rights.
		if err := json.Unmarshal(meta.Custom, &m); err == nil && m.List.of(r) != nil {
			return *m.List.of(r), nil
		}
	}
	return s.defaultRoles(ctx, strings.HasPrefix(stream, systemPrefix), r)
}

func (s *Server) defaultRoles(ctx context.Context, system bool, r right) (roleList, error) {
	var defaults struct {
		User   *accessList `json:"$userStreamAcl"`
		System *accessList `json:"$systemStreamAcl"`
	}
	read := eventstore.StreamRead{Direction: eventstore.Backwards, Limit: 1}
	for e, err := range s.store.ReadStream(ctx, settingsStream, read) {
		if errors.Is(err, eventstore.ErrStreamNotFound) {
			break
		}
		if err != nil {
			return nil, err
		}
		if json.Unmarshal(e.Data, &defaults) != nil {
			// Nobody may do what rules that cannot be read would decide.
			return nil, nil
		}
	}
	list, builtIn := defaults.User, roleList{everybody}
	if system {
		list, builtIn = defaults.System, roleList{administrators}
	}
	if given := list.of(r); given != nil {
		return *given, nil
	}
	return builtIn, nil
}

// permit refuses a caller who lacks a right. Where the server is for reading only
// nobody has another right, and nobody writes to $all.
func (s *Server) permit(ctx context.Context, stream string, r right) error {
	changes := r != readRight && r != metadataReadRight
	if changes && (s.opts.ReadOnly || stream == allStream) {
		return accessDenied()
	}
	ok, err := s.may(ctx, callerOf(ctx), stream, r)
	if err == nil && !ok {
		err = accessDenied()
	}
	return err
}
