package historylog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a zone named in a map is known on every machine
	"unicode/utf8"

	"dossierledger/domain/fault"
)

// ColumnMap names the columns of a CSV log, or the keys of an XES log, that
// are not the usual ones, and says how its times are written. It is a JSON
// document; every member may be left out:
//
//	{
//	  "case":       "Mã hồ sơ",
//	  "activity":   "Thao tác",
//	  "timestamp":  "Thời điểm",
//	  "resource":   "Cán bộ",
//	  "lifecycle":  "Trạng thái",
//	  "time_format": "dd/MM/yyyy HH:mm:ss",
//	  "time_zone":   "+07:00",
//	  "delimiter":   ";",
//	  "case_attributes": ["Thủ tục", "Cơ quan"],
//	  "ignore":          ["STT"],
//	  "case_type":   "Purchase Order"
//	}
//
// "case_id" may stand for "case", as the column does. time_format is made of yyyy, yy, MM, M, dd, d, HH, H, hh, h, mm, ss, SSS (one
// to nine S), a (AM or PM), XXX (+07:00 or Z), XX (+0700 or Z) and what stands
// between them. time_zone is an offset or a name such as Asia/Ho_Chi_Minh and
// is that of times without a zone. delimiter, case_attributes and ignore are
// for CSV; case_type is for OCEL, where resource and lifecycle name attributes.
type ColumnMap struct {
	Case           string   `json:"case,omitempty"`
	Activity       string   `json:"activity,omitempty"`
	Timestamp      string   `json:"timestamp,omitempty"`
	Resource       string   `json:"resource,omitempty"`
	Lifecycle      string   `json:"lifecycle,omitempty"`
	TimeFormat     string   `json:"time_format,omitempty"`
	TimeZone       string   `json:"time_zone,omitempty"`
	Delimiter      string   `json:"delimiter,omitempty"`
	CaseAttributes []string `json:"case_attributes,omitempty"`
	Ignore         []string `json:"ignore,omitempty"`
	CaseType       string   `json:"case_type,omitempty"`
	// CaseID is Case by the column's own name.
	CaseID string `json:"case_id,omitempty"`
}

const mapMembers = "case, activity, timestamp, resource, lifecycle, time_format, time_zone, delimiter, case_attributes, ignore, case_type"

// maxMapBytes bounds the document of a ColumnMap.
const maxMapBytes = 1 << 20

// ReadColumnMap reads and checks a map; a member it does not know is an error.
func ReadColumnMap(r io.Reader) (*ColumnMap, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxMapBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the column map: %w", err)
	}
	if len(text) > maxMapBytes {
		return nil, refuse(ErrBadMap, 0, "the column map has more than %d bytes", maxMapBytes)
	}
	decoder := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))))
	decoder.DisallowUnknownFields()
	m := new(ColumnMap)
	if err := decoder.Decode(m); err != nil {
		return nil, refuse(ErrBadMap, 0, "the column map is not the JSON document expected, with some of %s: %w", mapMembers, err)
	}
	if decoder.More() {
		return nil, refuse(ErrBadMap, 0, "the column map is more than one JSON document")
	}
	if m.Case != "" && m.CaseID != "" && m.Case != m.CaseID {
		return nil, refuse(ErrBadMap, 0, "the column map names two columns for the case")
	}
	m = m.normalised()
	if r, size := utf8.DecodeRuneInString(m.Delimiter); m.Delimiter != "" && (size < len(m.Delimiter) || !canDelimit(r)) {
		return nil, refuse(ErrBadMap, 0, "the delimiter %s is not one character that can separate columns", clip(m.Delimiter))
	}
	if _, err := m.timeParser(nil); err != nil {
		return nil, err
	}
	return m, nil
}

// normalised brings names to the form that names from logs have.
func (m *ColumnMap) normalised() *ColumnMap {
	n := *m
	n.Case, n.CaseID = otherwise(n.Case, n.CaseID), ""
	for _, name := range []*string{&n.Case, &n.Activity, &n.Timestamp, &n.Resource, &n.Lifecycle, &n.CaseType} {
		*name = composed(*name)
	}
	n.CaseAttributes, n.Ignore = slices.Clone(m.CaseAttributes), slices.Clone(m.Ignore)
	for _, names := range [][]string{n.CaseAttributes, n.Ignore} {
		for i := range names {
			names[i] = composed(names[i])
		}
	}
	return &n
}

func (m *ColumnMap) timeParser(location *time.Location) (*timeParser, error) {
	p := &timeParser{location: location}
	if m.TimeZone != "" {
		zone, err := parseZone(m.TimeZone)
		if err != nil {
			return nil, refuse(ErrBadMap, 0, "time_zone: %w", err)
		}
		p.location = zone
	}
	if m.TimeFormat != "" {
		layout, err := goLayout(m.TimeFormat)
		if err != nil {
			return nil, refuse(ErrBadMap, 0, "time_format: %w", err)
		}
		p.layout = layout
	}
	return p, nil
}

func parseZone(name string) (*time.Location, error) {
	var s timeScanner
	s.text = name
	if (name[0] == '+' || name[0] == '-' || name == "Z") && s.zone() {
		return time.FixedZone(name, s.offset*60), nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fmt.Errorf("%s is neither an offset such as +07:00 nor a known zone", clip(name))
	}
	return zone, nil
}

// layoutParts are what time_format is made of, the longer before the shorter.
var layoutParts = []struct{ pattern, layout string }{
	{"yyyy", "2006"}, {"yy", "06"}, {"MM", "01"}, {"M", "1"}, {"dd", "02"}, {"d", "2"},
	{"HH", "15"}, {"H", "15"}, {"hh", "03"}, {"h", "3"}, {"mm", "04"}, {"ss", "05"},
	{"XXX", "Z07:00"}, {"XX", "Z0700"}, {"a", "PM"},
}

// goLayout turns a time_format into a layout of package time.
func goLayout(format string) (string, error) {
	var layout strings.Builder
	var used []string
	for rest := format; rest != ""; {
		if part, ok := nextLayoutPart(rest); ok {
			layout.WriteString(part.layout)
			used = append(used, part.pattern[:1])
			rest = rest[len(part.pattern):]
			continue
		}
		c := rest[0]
		switch {
		case c == 'S':
			digits := len(rest) - len(strings.TrimLeft(rest, "S"))
			before := layout.String()
			if digits > 9 || !strings.HasSuffix(before, ".") && !strings.HasSuffix(before, ",") {
				return "", fmt.Errorf("the fraction S in %s does not follow a point or comma", clip(format))
			}
			layout.WriteString(strings.Repeat("0", digits))
			rest = rest[digits:]
		case c >= 'a' && c <= 'z' && c != 'T', c >= 'A' && c <= 'Z' && c != 'T', c >= '0' && c <= '9':
			return "", fmt.Errorf("%q in %s is not a part of a time", c, clip(format))
		default:
			layout.WriteByte(c)
			rest = rest[1:]
		}
	}
	for _, needed := range []string{"y", "M", "d"} {
		if !slices.Contains(used, needed) {
			return "", fmt.Errorf("%s has no %s", clip(format), needed)
		}
	}
	return layout.String(), nil
}

func nextLayoutPart(rest string) (struct{ pattern, layout string }, bool) {
	for _, part := range layoutParts {
		if strings.HasPrefix(rest, part.pattern) {
			return part, true
		}
	}
	return struct{ pattern, layout string }{}, false
}

// usualNames are the columns of a CSV log that are known without a map, the
// surest first, in the form that columnKey gives.
var usualNames = map[string][]string{
	"case_id":   {"case:concept:name", "case_id", "caseid"},
	"activity":  {"concept:name", "activity"},
	"timestamp": {"time:timestamp", "timestamp", "complete_timestamp"},
	"resource":  {"org:resource", "resource"},
	"lifecycle": {"lifecycle:transition", "lifecycle"},
}

// columnKey makes names of columns comparable.
func columnKey(name string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), " ", "_")
}

// column finds the one column for a role; -1 where the log has none.
func (m *ColumnMap) column(header []string, role, named string) (int, error) {
	if named != "" {
		found := -1
		for i, name := range header {
			if name != named {
				continue
			}
			if found >= 0 {
				return 0, refuse(ErrNoColumn, 1, "the column %s stands twice", clip(named))
			}
			found = i
		}
		if found < 0 {
			return 0, noColumn(role, fmt.Sprintf("the map names %s for it, which is not there", clip(named)), header)
		}
		return found, nil
	}
	for _, usual := range usualNames[role] {
		found := -1
		for i, name := range header {
			if columnKey(name) != usual {
				continue
			}
			if found >= 0 {
				return 0, refuse(ErrNoColumn, 1, "the column %s stands twice", clip(usual))
			}
			found = i
		}
		if found >= 0 {
			return found, nil
		}
	}
	return -1, nil
}

func noColumn(role, why string, header []string) error {
	const most = 20
	names := header
	if len(names) > most {
		names = names[:most]
	}
	text := fmt.Sprintf("no column for %s: %s; the log has %s; name it in a map", role, why, clip(strings.Join(names, ", ")))
	return fault.New(ErrNoColumn.Kind, ErrNoColumn.Code, "%s", text).Lacking(role)
}
