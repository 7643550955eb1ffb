package dossier

import (
	"reflect"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"golang.org/x/text/unicode/norm"
)

// Limits of what one action may say. Every text has one.
const (
	MaxText       = 8000            // bytes of free text
	MaxName       = 500             // bytes of a name, number or address
	MaxIdentifier = 128             // bytes of an identifier or slug
	MaxDocuments  = 1000            // documents of one dossier
	MaxSize       = int64(16 << 30) // bytes of one document
)

// input gathers everything that is wrong with an action, so that the caller
// hears it all at once.
type input struct{ missing, invalid []string }

func (in *input) err() error {
	if len(in.missing) > 0 {
		return ErrInputMissing.Lacking(in.missing...)
	}
	if len(in.invalid) > 0 {
		return ErrInputInvalid.Lacking(in.invalid...)
	}
	return nil
}

func (in *input) check(ok bool, field string) {
	if !ok {
		in.invalid = append(in.invalid, field)
	}
}

// identifier checks a required opaque identifier: no spaces, no controls.
func (in *input) identifier(field, value string) {
	if value == "" {
		in.missing = append(in.missing, field)
		return
	}
	in.optionalIdentifier(field, value)
}

func (in *input) optionalIdentifier(field, value string) {
	in.check(len(value) <= MaxIdentifier && utf8.ValidString(value) &&
		!strings.ContainsFunc(value, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), field)
}

// number checks the number of a paper: printable, spaces allowed inside.
func (in *input) number(field, value string) {
	if value == "" {
		in.missing = append(in.missing, field)
		return
	}
	in.line(field, value, MaxIdentifier)
}

func (in *input) line(field, value string, limit int) {
	in.check(len(value) <= limit && utf8.ValidString(value) && !strings.ContainsFunc(value, unicode.IsControl), field)
}

func (in *input) text(field, value string) {
	in.check(len(value) <= MaxText && utf8.ValidString(value) && !strings.ContainsRune(value, 0), field)
}

// hash checks a SHA-256 in lower-case hexadecimal.
func (in *input) hash(field, value string) {
	if value == "" {
		in.missing = append(in.missing, field)
		return
	}
	in.optionalHash(field, value)
}

func (in *input) optionalHash(field, value string) {
	in.check(value == "" || len(value) == 64 && strings.Trim(value, "0123456789abcdef") == "", field)
}

func (in *input) amount(field string, value int64) {
	in.check(value > 0 && value <= MaxAmount, field)
}

func (in *input) why(w Why) {
	in.identifier("why.ground", w.Ground)
	in.text("why.text", w.Text)
}

func (in *input) optionalWhy(w Why) {
	in.optionalIdentifier("why.ground", w.Ground)
	in.text("why.text", w.Text)
}

func (in *input) person(field string, p Person) {
	var of input
	of.identifier("subject", p.Subject)
	if p.Name == "" {
		of.missing = append(of.missing, "name")
	}
	of.line("name", p.Name, MaxName)
	of.line("id_number", p.IDNumber, MaxIdentifier)
	of.line("phone", p.Phone, MaxIdentifier)
	of.line("email", p.Email, MaxName)
	of.text("address", p.Address)
	for _, name := range of.missing {
		in.missing = append(in.missing, field+"."+name)
	}
	for _, name := range of.invalid {
		in.invalid = append(in.invalid, field+"."+name)
	}
}

func oneOf[T comparable](value T, allowed ...T) bool {
	for _, a := range allowed {
		if value == a {
			return true
		}
	}
	return false
}

// tidy gives every text of a command its one stored form: NFC, without space
// around it. Two spellings of one number are then one number. A command that is
// tidy already, as nearly all are, is not copied.
func tidy(c Command) Command {
	given := reflect.ValueOf(c)
	if isTidy(given) {
		return c
	}
	copied := reflect.New(given.Type()).Elem()
	copied.Set(given)
	tidyValue(copied)
	return copied.Interface().(Command)
}

func tidyText(text string) string { return norm.NFC.String(strings.TrimSpace(text)) }

func isTidy(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String:
		return tidyText(v.String()) == v.String()
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanInterface() && !isTidy(f) { // it is exported
				return false
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if !isTidy(v.Index(i)) {
				return false
			}
		}
	case reflect.Pointer:
		return v.IsNil() || isTidy(v.Elem())
	}
	return true
}

func tidyValue(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(tidyText(v.String()))
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() { // it is exported
				tidyValue(f)
			}
		}
	case reflect.Slice:
		if v.IsNil() {
			return
		}
		copied := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(copied, v)
		v.Set(copied)
		for i := range v.Len() {
			tidyValue(v.Index(i))
		}
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		copied := reflect.New(v.Type().Elem())
		copied.Elem().Set(v.Elem())
		tidyValue(copied.Elem())
		v.Set(copied)
	}
}

// about makes a personal value of a text, or none of an empty one.
func about(subject, text string) event.Personal {
	if text == "" {
		return event.Personal{}
	}
	return event.About(subject, text)
}

// reason seals the words under the applicant, whom they are most likely about.
func (s *State) reason(w Why) Reason {
	return Reason{Ground: w.Ground, Text: about(s.Applicant.Subject, w.Text)}
}

func (p Person) party() Party {
	return Party{
		Subject: p.Subject, Kind: p.Kind,
		Name:     about(p.Subject, p.Name),
		IDNumber: about(p.Subject, p.IDNumber),
		Phone:    about(p.Subject, p.Phone),
		Email:    about(p.Subject, p.Email),
		Address:  about(p.Subject, p.Address),
	}
}

// uncomputed wraps a calendar's refusal to compute a date.
func uncomputed(what string, at time.Time, err error) error {
	return fault.New(fault.Refused, "dossier.date-not-computable", "%s counted from %s cannot be computed: %w", what, at.Format(time.RFC3339), err)
}
