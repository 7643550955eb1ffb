package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// table writes JSON for people: a list of objects as columns, an object as
// fields, one a line. The order of members is kept.
type table struct{ out *tabwriter.Writer }

func newTable(out io.Writer) table {
	return table{out: tabwriter.NewWriter(out, 2, 8, 2, ' ', 0)}
}

func (t table) write(text json.RawMessage) error {
	if err := t.value("", text); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return t.out.Flush()
}

func (t table) value(name string, text json.RawMessage) error {
	switch text[0] {
	case '[':
		return t.list(text)
	case '{':
		members, err := object(text)
		if err != nil {
			return err
		}
		for _, m := range members {
			if isNested(m.value) {
				if _, err := fmt.Fprintf(t.out, "%s\n", strings.TrimSpace(name+" "+m.name)); err != nil {
					return err
				}
				if err := t.value(m.name, m.value); err != nil {
					return err
				}
				continue
			}
			if _, err := fmt.Fprintf(t.out, "%s\t%s\n", m.name, cell(m.value)); err != nil {
				return err
			}
		}
		return nil
	default:
		_, err := fmt.Fprintln(t.out, cell(text))
		return err
	}
}

func (t table) list(text json.RawMessage) error {
	var items []json.RawMessage
	if err := json.Unmarshal(text, &items); err != nil {
		return err
	}
	var nested []member // what does not fit a cell, under the name of its row
	for i, item := range items {
		if item[0] != '{' {
			if _, err := fmt.Fprintln(t.out, cell(item)); err != nil {
				return err
			}
			continue
		}
		members, err := object(item)
		if err != nil {
			return err
		}
		var head, row []string
		for _, m := range members {
			if isNested(m.value) {
				nested = append(nested, member{name: strings.Join(row, " ") + ": " + m.name, value: m.value})
				continue
			}
			head = append(head, m.name)
			row = append(row, cell(m.value))
		}
		if i == 0 {
			row = []string{strings.Join(head, "\t") + "\n" + strings.Join(row, "\t")}
		}
		if _, err := fmt.Fprintln(t.out, strings.Join(row, "\t")); err != nil {
			return err
		}
	}
	for _, m := range nested {
		if _, err := fmt.Fprintf(t.out, "\n%s\n", m.name); err != nil {
			return err
		}
		if err := t.value("", m.value); err != nil {
			return err
		}
	}
	return nil
}

// isNested reports whether a value is a list or an object that no cell can hold.
func isNested(text json.RawMessage) bool {
	return (text[0] == '[' || text[0] == '{') && !flat(text)
}

type member struct {
	name  string
	value json.RawMessage
}

// object reads the members of an object in their order.
func object(text json.RawMessage) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	var members []member
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, err
		}
		m := member{name: fmt.Sprint(name)}
		if err := dec.Decode(&m.value); err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	return members, nil
}

// flat reports whether a value fits a cell: a list of plain values.
func flat(text json.RawMessage) bool {
	var items []json.RawMessage
	if json.Unmarshal(text, &items) != nil {
		return false
	}
	for _, i := range items {
		if i[0] == '{' || i[0] == '[' {
			return false
		}
	}
	return true
}

// cell is a value on one line.
func cell(text json.RawMessage) string {
	switch text[0] {
	case '"':
		var s string
		if json.Unmarshal(text, &s) == nil {
			return strings.Join(strings.Fields(s), " ")
		}
	case '[':
		var items []json.RawMessage
		if json.Unmarshal(text, &items) == nil {
			parts := make([]string, len(items))
			for i, item := range items {
				parts[i] = cell(item)
			}
			return strings.Join(parts, " > ")
		}
	case 'n':
		return "-"
	}
	return string(text)
}
