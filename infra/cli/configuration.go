package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"dossierledger/domain/fault"
	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"
)

// configurationFile gives values to flags: `data: DIR` to a flag of every
// command, `serve: {listen: ADDR}` to one of a single command. A key that names
// no flag is refused, since a mistyped setting would silently do nothing. The
// environment ranks above the file.
type configurationFile map[string]any

// configuration reads a configuration file.
func configuration(r io.Reader) (kong.Resolver, error) {
	file := configurationFile{}
	if err := yaml.NewDecoder(r).Decode(&file); err != nil && err != io.EOF {
		return nil, fault.New(fault.Invalid, "usage.configuration", "the configuration file is not YAML with the names of flags as keys: %w", err)
	}
	return file, nil
}

// Validate implements kong.Resolver: every key must name a flag.
func (f configurationFile) Validate(app *kong.Application) error {
	unknown := unknownKeys(f, app.Node, "")
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	return fault.New(fault.Invalid, "usage.configuration", "the configuration file names no flag with %s", strings.Join(unknown, ", "))
}

func unknownKeys(settings map[string]any, node *kong.Node, prefix string) []string {
	var unknown []string
	for key, value := range settings {
		if child := childOf(node, key); child != nil {
			if nested, ok := value.(map[string]any); ok {
				unknown = append(unknown, unknownKeys(nested, child, prefix+key+".")...)
				continue
			}
		}
		if !slices.ContainsFunc(node.Flags, func(flag *kong.Flag) bool { return flag.Name == key && !hidden(flag) }) {
			unknown = append(unknown, prefix+key)
		}
	}
	return unknown
}

// hidden are flags that make no sense in a file.
func hidden(flag *kong.Flag) bool { return flag.Name == "help" || flag.Name == "config" }

func childOf(node *kong.Node, name string) *kong.Node {
	for _, child := range node.Children {
		if child.Name == name {
			return child
		}
	}
	return nil
}

// Resolve implements kong.Resolver.
func (f configurationFile) Resolve(_ *kong.Context, parent *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil
		}
	}
	settings := map[string]any(f)
	if parent.Command != nil {
		nested, ok := settings[parent.Command.Name].(map[string]any)
		if !ok {
			return nil, nil
		}
		settings = nested
	}
	switch value := settings[flag.Name].(type) {
	case nil:
		return nil, nil
	case []any:
		texts := make([]string, len(value))
		for i, each := range value {
			texts[i] = fmt.Sprint(each)
		}
		return strings.Join(texts, ","), nil
	default:
		return fmt.Sprint(value), nil
	}
}
