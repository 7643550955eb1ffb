package agency

import (
	"slices"
	"strings"

	"dossierledger/domain/fault"
)

// Scheme is a way of writing the electronic identifier of an agency.
type Scheme string

// The schemes. Both are met in one file; neither says by itself which agency is meant.
const (
	// SchemeQD20 writes the highest level first: "H15.50.05.13" (QĐ 20/2020/QĐ-TTg).
	SchemeQD20 Scheme = "qd-20-2020"
	// SchemeQCVN102 writes the lowest level first, always four levels: "000.00.04.G18" (QCVN 102:2016/BTTTT).
	SchemeQCVN102 Scheme = "qcvn-102-2016"
	// SchemeLocal is any other name by which a system knows an agency.
	SchemeLocal Scheme = "local"
)

// MaxIdentifier bounds an identifier, in bytes.
const MaxIdentifier = 64

// Identifier is the electronic identifier of an agency in parsed form.
type Identifier struct {
	Scheme Scheme
	// Levels are the codes from the highest level down: "H15", "50", "05", "13".
	// A level of zeros in QCVN 102 means that the level is not used and is left out.
	Levels []string
}

// ErrIdentifier is the refusal of a text that has neither shape.
var ErrIdentifier = fault.New(fault.Invalid, "agency.identifier", "an agency identifier looks like H15.50.05.13 or 000.00.04.G18")

// ParseIdentifier reads an identifier of either shape. Case and surrounding
// space do not matter; everything else does.
func ParseIdentifier(s string) (Identifier, error) {
	if len(s) > MaxIdentifier {
		return Identifier{}, fault.New(fault.Invalid, ErrIdentifier.Code, "an agency identifier has at most %d bytes", MaxIdentifier)
	}
	parts := strings.Split(strings.ToUpper(strings.TrimSpace(s)), ".")
	switch {
	case isRoot(parts[0]):
		return parseQD20(s, parts)
	case len(parts) == 4 && isRoot(parts[3]):
		return parseQCVN(s, parts)
	}
	return Identifier{}, refuse(s)
}

func parseQD20(s string, parts []string) (Identifier, error) {
	if len(parts) > 6 {
		return Identifier{}, refuse(s)
	}
	for _, p := range parts[1:] {
		if len(p) < 2 || len(p) > 3 || !digits(p) {
			return Identifier{}, refuse(s)
		}
	}
	return Identifier{Scheme: SchemeQD20, Levels: parts}, nil
}

func parseQCVN(s string, parts []string) (Identifier, error) {
	if len(parts[0]) != 3 || len(parts[1]) != 2 || len(parts[2]) != 2 ||
		!digits(parts[0]) || !digits(parts[1]) || !digits(parts[2]) {
		return Identifier{}, refuse(s)
	}
	slices.Reverse(parts)
	for len(parts) > 1 && zeros(parts[len(parts)-1]) {
		parts = parts[:len(parts)-1]
	}
	// A used level under an unused one would name nothing.
	if slices.ContainsFunc(parts[1:], zeros) {
		return Identifier{}, refuse(s)
	}
	return Identifier{Scheme: SchemeQCVN102, Levels: parts}, nil
}

// String writes the identifier in its own scheme; parsing it again gives the same.
func (i Identifier) String() string {
	if i.Scheme != SchemeQCVN102 {
		return strings.Join(i.Levels, ".")
	}
	levels := [4]string{"", "00", "00", "000"}
	copy(levels[:], i.Levels)
	slices.Reverse(levels[:])
	return strings.Join(levels[:], ".")
}

// Root is the first level: a letter and two digits, G for ministries and central
// agencies, H for provinces.
func (i Identifier) Root() string { return i.Levels[0] }

// Depth is how many levels the identifier has, from 1.
func (i Identifier) Depth() int { return len(i.Levels) }

// Under reports whether the identifier lies below another of the same scheme.
func (i Identifier) Under(upper Identifier) bool {
	return i.Scheme == upper.Scheme && len(i.Levels) > len(upper.Levels) &&
		slices.Equal(i.Levels[:len(upper.Levels)], upper.Levels)
}

// Normalize gives the one spelling under which a name of an agency is looked
// up. What is no identifier is kept as it is, in upper case: local systems have
// names of their own.
func Normalize(s string) string {
	if id, err := ParseIdentifier(s); err == nil {
		return id.String()
	}
	return strings.ToUpper(strings.TrimSpace(s))
}

func refuse(s string) error {
	return fault.New(fault.Invalid, ErrIdentifier.Code, "%q is no agency identifier; it looks like H15.50.05.13 or 000.00.04.G18", s)
}

func isRoot(p string) bool {
	return len(p) == 3 && p[0] >= 'A' && p[0] <= 'Z' && digits(p[1:])
}

func digits(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) < 0
}

func zeros(s string) bool { return strings.Trim(s, "0") == "" }
