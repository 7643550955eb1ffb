package pages

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"dossierledger/domain/legacy"
	"dossierledger/queries"
)

// legacyDescription is the activity of what an older system says of a case as a whole.
var legacyDescription = legacy.CaseDescribed{}.EventType()

// changeRow is one value that is otherwise than before, or one value of a state.
type changeRow struct {
	Label   string // the way to the value, in words
	Pointer string // the same as a JSON pointer (RFC 6901)
	Before  string
	After   string
	Kind    string // added, removed or changed
}

// changeRows puts changes into words, one row for each single value.
func (v *visit) changeRows(changes []queries.Change) []changeRow {
	var rows []changeRow
	for _, c := range changes {
		before, after := map[string]any{}, map[string]any{}
		leaves(c.Path, c.Before, before)
		leaves(c.Path, c.After, after)
		var pointers []string
		for p := range before {
			pointers = append(pointers, p)
		}
		for p := range after {
			if _, both := before[p]; !both {
				pointers = append(pointers, p)
			}
		}
		slices.SortFunc(pointers, comparePointers)
		for _, p := range pointers {
			if bookkeeping(p) {
				continue
			}
			row := changeRow{Label: v.way(p), Pointer: p, Kind: "changed"}
			was, had := before[p]
			is, has := after[p]
			if had {
				row.Before = v.leaf(p, was)
			}
			if has {
				row.After = v.leaf(p, is)
			}
			switch {
			case !had:
				row.Kind = "added"
			case !has:
				row.Kind = "removed"
			}
			if row.Before != row.After {
				rows = append(rows, row)
			}
		}
	}
	return rows
}

// bookkeeping values change with every event and stand at the head of the page.
func bookkeeping(pointer string) bool {
	return pointer == "/revision" || pointer == "/events" || pointer == "/updated_at"
}

// stateRows lists every single value of a state.
func (v *visit) stateRows(state any) []changeRow {
	all := map[string]any{}
	leaves("", state, all)
	pointers := make([]string, 0, len(all))
	for p := range all {
		pointers = append(pointers, p)
	}
	slices.SortFunc(pointers, comparePointers)
	var rows []changeRow
	for _, p := range pointers {
		if all[p] == nil || all[p] == "" {
			continue
		}
		rows = append(rows, changeRow{Label: v.way(p), Pointer: p, After: v.leaf(p, all[p])})
	}
	return rows
}

// comparePointers orders list places by number, so that the tenth follows the ninth.
func comparePointers(a, b string) int {
	as, bs := strings.Split(a, "/"), strings.Split(b, "/")
	for i := range min(len(as), len(bs)) {
		if as[i] == bs[i] {
			continue
		}
		x, errX := strconv.Atoi(as[i])
		y, errY := strconv.Atoi(bs[i])
		if errX == nil && errY == nil {
			return x - y
		}
		return strings.Compare(as[i], bs[i])
	}
	return len(as) - len(bs)
}

// leaves collects the single values under a pointer.
func leaves(pointer string, value any, into map[string]any) {
	switch value := value.(type) {
	case nil:
	case map[string]any:
		for name, member := range value {
			leaves(pointer+"/"+pointerEscape.Replace(name), member, into)
		}
	case []any:
		for i, member := range value {
			leaves(pointer+"/"+strconv.Itoa(i), member, into)
		}
	default:
		into[pointer] = value
	}
}

var pointerEscape, pointerUnescape = strings.NewReplacer("~", "~0", "/", "~1"), strings.NewReplacer("~1", "/", "~0", "~")

// way puts a pointer into words: /clock/entries/0/due is
// "Đồng hồ thời hạn › Các lần tính › 1 › Hẹn trả".
func (v *visit) way(pointer string) string {
	var parts []string
	for _, part := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		part = pointerUnescape.Replace(part)
		if n, err := strconv.Atoi(part); err == nil {
			parts = append(parts, strconv.Itoa(n+1))
			continue
		}
		parts = append(parts, v.code("field", part))
	}
	return strings.Join(parts, " › ")
}

// leaf puts the single value at a pointer into words.
func (v *visit) leaf(pointer string, value any) string {
	name := pointer[strings.LastIndexByte(pointer, '/')+1:]
	if strings.HasSuffix(pointer, "/term/amount") {
		name = "term"
	}
	switch value := value.(type) {
	case queries.PersonalValue:
		switch {
		case value.Erased:
			return v.text("personal.erased")
		case value.Hidden:
			return v.text("personal.hidden")
		}
		return value.Value
	case string:
		return v.value(name, value)
	case bool:
		return v.text("bool." + strconv.FormatBool(value))
	case int64:
		return v.quantity(name, value)
	case uint64:
		return v.quantity(name, int64(value))
	case float64:
		return v.decimal(value, 2)
	default:
		text, err := json.Marshal(value)
		if err != nil {
			return fmt.Sprint(value)
		}
		return string(text)
	}
}

// value puts a text into words: a moment, a code of the domain, an agency.
func (v *visit) value(name, text string) string {
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return v.dateTime(at)
	}
	switch name {
	case "officer", "approver", "signer", "previous_officer":
		return v.officer(text)
	case "support_agency", "receiving_agency", "competent_agency", "agency", "suggested_agency":
		return v.agencyName(text)
	case "department", "step", "to", "from":
		if word := v.code("department", text); word != text {
			return word
		}
		return v.code("step", text)
	case "amount", "size_bytes":
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return v.quantity(name, n)
		}
	case "components":
		return text
	}
	if text == "true" || text == "false" {
		return v.text("bool." + text)
	}
	if word := v.code("value."+name, text); word != text {
		return word
	}
	return v.code("value", text)
}

func (v *visit) quantity(name string, n int64) string {
	switch name {
	case "amount", "assessed", "exempted", "paid", "refunded", "owed":
		return v.money(n)
	case "size_bytes":
		return v.decimal(float64(n)/1024, 1) + " KiB"
	case "status":
		return v.statusName(int(n))
	}
	return v.whole(n)
}

// applicant is the applicant's name in a state whose personal values are open.
func (v *visit) applicant(state any) string {
	all := map[string]any{}
	leaves("", state, all)
	if name, ok := all["/applicant/name"]; ok {
		return v.leaf("/applicant/name", name)
	}
	return ""
}

func wholePlain(n uint64) string { return strconv.FormatUint(n, 10) }
