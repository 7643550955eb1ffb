package journal

import "unicode/utf8"

// inStoredForm reports whether JSON is sure to be in the stored form already, so
// that it can be copied. It is false also for some that are: members with names
// beyond ASCII, rare escapes, long numbers, deep nesting.
func inStoredForm(raw []byte) bool {
	rest, ok := formValue(raw, 0)
	return ok && len(rest) == 0
}

const formDepth = 32

// formValue passes over one value in the stored form.
func formValue(b []byte, depth int) (rest []byte, ok bool) {
	if len(b) == 0 || depth > formDepth {
		return nil, false
	}
	switch b[0] {
	case '{':
		return formObject(b[1:], depth+1)
	case '[':
		return formArray(b[1:], depth+1)
	case '"':
		_, rest, _, ok = formText(b[1:])
		return rest, ok
	}
	for _, word := range []string{"true", "false", "null"} {
		if len(b) >= len(word) && string(b[:len(word)]) == word {
			return b[len(word):], true
		}
	}
	return formNumber(b)
}

func formObject(b []byte, depth int) (rest []byte, ok bool) {
	if len(b) > 0 && b[0] == '}' {
		return b[1:], true
	}
	var before []byte
	for first := true; ; first = false {
		if len(b) == 0 || b[0] != '"' {
			return nil, false
		}
		name, after, simple, ok := formText(b[1:])
		if !ok || !simple || !first && string(name) <= string(before) || len(after) == 0 || after[0] != ':' {
			return nil, false
		}
		before = name
		if b, ok = formValue(after[1:], depth); !ok || len(b) == 0 {
			return nil, false
		}
		switch b[0] {
		case '}':
			return b[1:], true
		case ',':
			b = b[1:]
		default:
			return nil, false
		}
	}
}

func formArray(b []byte, depth int) (rest []byte, ok bool) {
	if len(b) > 0 && b[0] == ']' {
		return b[1:], true
	}
	for {
		if b, ok = formValue(b, depth); !ok || len(b) == 0 {
			return nil, false
		}
		switch b[0] {
		case ']':
			return b[1:], true
		case ',':
			b = b[1:]
		default:
			return nil, false
		}
	}
}

// formText passes over a text behind its opening quotation mark; simple is true
// where it is ASCII without escapes.
func formText(b []byte) (text, rest []byte, simple, ok bool) {
	simple = true
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return b[:i], b[i+1:], simple, simple || utf8.Valid(b[:i])
		case c < ' ':
			return nil, nil, false, false
		case c == '\\':
			simple = false
			i++
			if i == len(b) {
				return nil, nil, false, false
			}
			switch b[i] {
			case '"', '\\', 'b', 'f', 'n', 'r', 't':
			default:
				return nil, nil, false, false
			}
		case c >= utf8.RuneSelf:
			simple = false
		}
	}
	return nil, nil, false, false
}

// formNumber passes over a whole number that every reader sees the same.
func formNumber(b []byte) (rest []byte, ok bool) {
	digits := b
	if digits[0] == '-' {
		digits = digits[1:]
	}
	n := 0
	for n < len(digits) && digits[n] >= '0' && digits[n] <= '9' {
		n++
	}
	if n == 0 || n > 15 || digits[0] == '0' && (n > 1 || len(digits) < len(b)) {
		return nil, false
	}
	if n < len(digits) && (digits[n] == '.' || digits[n] == 'e' || digits[n] == 'E') {
		return nil, false
	}
	return digits[n:], true
}
