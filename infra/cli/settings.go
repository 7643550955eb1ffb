package cli

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
)

// A server tells at its start by what settings it runs and where each comes from,
// and never a secret. No flag is for one; but a DSN can be given where a file's
// name belongs, and an address can hold a password. So a setting is shown only in
// a form that cannot be one, by what its placeholder says it is.

// hiddenValue stands for what is not shown.
const hiddenValue = "[hidden]"

// shown gives the form in which a text of a placeholder is shown.
var shown = map[string]func(string) string{
	"FILE": showPath, "DIR": showPath, "PATH": showPath,
	"ADDR": showAddress, "URL": showURL, "NAME": showName,
}

// settings are the flags of the command that was parsed, as attributes of a line
// of the log.
func settings(parsed *kong.Context) []slog.Attr {
	var all []slog.Attr
	for _, flag := range parsed.Flags() {
		if flag.Name == "help" {
			continue
		}
		all = append(all, slog.Group(flag.Name, slog.Any("value", showValue(flag, parsed.FlagValue(flag))), slog.String("from", cameFrom(parsed, flag))))
	}
	return all
}

// showValue gives what is shown of a flag's value. A text whose placeholder is
// not known is not shown.
func showValue(flag *kong.Flag, value any) any {
	texts, are := textsOf(value)
	if !are { // switches, numbers and spans hold no words
		return fmt.Sprint(value)
	}
	for i := range texts {
		texts[i] = showText(flag, texts[i])
	}
	if reflect.TypeOf(value).Kind() == reflect.String {
		return texts[0]
	}
	return texts
}

// textsOf gives the texts of a value that is one or a list of them.
func textsOf(value any) (texts []string, are bool) {
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.String:
		return []string{v.String()}, true
	case reflect.Slice:
		texts = make([]string, v.Len())
		for i := range texts {
			texts[i] = fmt.Sprint(v.Index(i))
		}
		return texts, true
	default:
		return nil, false
	}
}

func showText(flag *kong.Flag, text string) string {
	if text == "" || flag.Enum != "" { // of an enumeration, a value was checked
		return text
	}
	if show, ok := shown[flag.PlaceHolder]; ok {
		return show(text)
	}
	return hiddenValue
}

// cameFrom says where a flag's value was given.
func cameFrom(parsed *kong.Context, flag *kong.Flag) string {
	for _, given := range parsed.Path {
		if given.Flag == flag && !given.Resolved {
			return "flag"
		}
	}
	for _, variable := range flag.Envs {
		if _, set := os.LookupEnv(variable); set {
			return "environment"
		}
	}
	for _, given := range parsed.Path {
		if given.Flag == flag {
			return "file"
		}
	}
	return "default"
}

// looksSecret finds what no path or name of ours holds: an address with a
// password, a pair of a word for secrets and its value, a key in PEM form.
var looksSecret = regexp.MustCompile(`(?i)://|@|-----BEGIN|(?:pass(?:word|wd)?|pwd|secret|token|key)\s*[=:]|[\x00-\x1f]`)

// secretLength is from how long on a word could be a key.
const secretLength = 40

// keyLike is a word of the alphabets of base64 and hexadecimal.
var keyLike = regexp.MustCompile(`^[A-Za-z0-9+/_=-]+$`)

// showPath shows a path that cannot be a secret in its place. What looks like a
// key is a path only where the file, or the folder that it names, is there.
func showPath(text string) string {
	if looksSecret.MatchString(text) {
		return hiddenValue
	}
	if len(text) < secretLength || !keyLike.MatchString(text) || there(text) {
		return text
	}
	if folder := filepath.Dir(text); folder != "." && folder != "/" && there(folder) {
		return text
	}
	return hiddenValue
}

func there(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// showAddress shows hosts, ports and networks.
func showAddress(text string) string {
	if host, port, err := net.SplitHostPort(text); err == nil && plainName.MatchString(port) && (host == "" || plainHost.MatchString(host)) {
		return text
	}
	if _, err := netip.ParseAddr(text); err == nil {
		return text
	}
	if _, err := netip.ParsePrefix(text); err == nil {
		return text
	}
	return hiddenValue
}

// showURL shows an address without its user, the values of its query and its fragment.
func showURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Opaque != "" {
		return hiddenValue
	}
	plain := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	if u.User != nil {
		plain.Host = hiddenValue + "@" + u.Host
	}
	shown := plain.Scheme + "://" + plain.Host + plain.EscapedPath()
	if u.RawQuery != "" || u.Fragment != "" {
		shown += "?" + hiddenValue
	}
	return shown
}

var (
	plainName = regexp.MustCompile(`^[\pL\pN._-]{1,39}$`)
	plainHost = regexp.MustCompile(`^[A-Za-z0-9.:%_-]{1,255}$`)
)

// showName shows a short word, or an address as showURL does.
func showName(text string) string {
	if strings.Contains(text, "://") {
		return showURL(text)
	}
	if plainName.MatchString(text) {
		return text
	}
	return hiddenValue
}

// checkSecrets refuses a secret where the name of a file belongs, or in an
// address, without repeating it: it would end in the list of processes, in
// histories and in errors.
func checkSecrets(parsed *kong.Context) error {
	for _, flag := range parsed.Flags() {
		texts, _ := textsOf(parsed.FlagValue(flag))
		for _, value := range texts {
			switch flag.PlaceHolder {
			case "FILE", "DIR", "PATH":
				if strings.Contains(value, "://") || strings.Contains(value, "-----BEGIN") {
					return usage("--%s is the name of a file or folder; what it holds does not belong in a setting", flag.Name)
				}
			case "URL":
				if u, err := url.Parse(value); err == nil && u.User != nil {
					return usage("--%s holds a user or a password; the ledger asks that address without", flag.Name)
				}
			}
		}
	}
	return nil
}
