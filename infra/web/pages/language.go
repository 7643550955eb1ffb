package pages

import (
	"fmt"
	"strings"

	"dossierledger/domain/procedure"
)

// The languages, the first being the one that people see who chose none.
const (
	Vietnamese = "vi"
	English    = "en"
)

// Languages lists them.
var Languages = []string{Vietnamese, English}

// tables are the parts of the one translation table. A key is in one part only.
var tables = []map[string]procedure.Text{
	siteWords, homeWords, serviceWords, dossierWords, replayWords, detailWords, worklistWords, statisticsWords,
	problemWords, activityWords, stateWords, codeWords,
}

var messages = merged(tables)

func merged(parts []map[string]procedure.Text) map[string]procedure.Text {
	all := map[string]procedure.Text{}
	for _, part := range parts {
		for key, text := range part {
			if _, twice := all[key]; twice {
				panic("pages: the text " + key + " is in the table twice")
			}
			all[key] = text
		}
	}
	return all
}

// words speaks one language.
type words string

func (w words) english() bool { return string(w) == English }

// say gives a text of the table; its verbs are filled as by fmt.Sprintf. A key
// that is not in the table is an error of the program.
func (w words) say(key string, args ...any) (string, error) {
	text, ok := messages[key]
	if !ok {
		return "", fmt.Errorf("pages: no text is called %q", key)
	}
	if len(args) == 0 {
		return text.In(string(w)), nil
	}
	return fmt.Sprintf(text.In(string(w)), args...), nil
}

// text is say for keys that the program itself names; the tests hold that they exist.
func (w words) text(key string, args ...any) string {
	s, err := w.say(key, args...)
	if err != nil {
		return key
	}
	return s
}

// code gives the word for a code of the domain under a prefix, or the code
// itself: a new code is better shown raw than not at all.
func (w words) code(prefix, code string) string {
	if text, ok := messages[prefix+"."+code]; ok {
		return text.In(string(w))
	}
	return code
}

// activity gives the word for an activity of the read models, such as
// "step-started: appraisal"; activities of older systems stay as they are.
func (w words) activity(name string) string {
	short, rest, stepped := strings.Cut(name, ": ")
	text, ok := messages["activity."+short]
	if !ok {
		return name
	}
	if !stepped {
		return text.In(string(w))
	}
	return text.In(string(w)) + ": " + w.code("step", rest)
}
