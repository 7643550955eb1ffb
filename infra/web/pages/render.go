package pages

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"dossierledger/domain/procedure"
	"dossierledger/domain/worktime"
	"dossierledger/queries"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed static
var staticFiles embed.FS

// assetPrefix begins the path of files whose name holds the hash of their
// content, so that they never change and can be kept for ever.
const assetPrefix = "/assets/"

type asset struct {
	name, mediaType string
	content         []byte
}

// assets are the files by the name under which they are served, assetNames
// those names by the name of the file.
var assets, assetNames = loadAssets()

func loadAssets() (map[string]asset, map[string]string) {
	types := map[string]string{".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
	found, names := map[string]asset{}, map[string]string{}
	err := fs.WalkDir(staticFiles, "static", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := staticFiles.ReadFile(file)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		base, ending := path.Base(file), path.Ext(file)
		name := strings.TrimSuffix(base, ending) + "." + hex.EncodeToString(sum[:8]) + ending
		found[name] = asset{name: name, mediaType: types[ending], content: content}
		names[base] = assetPrefix + name
		return nil
	})
	if err != nil {
		// The files are part of the program.
		panic("pages: " + err.Error())
	}
	return found, names
}

func serveAsset(c *fiber.Ctx) error {
	a, ok := assets[c.Params("*")]
	if !ok {
		return fiber.NewError(http.StatusNotFound)
	}
	c.Set(fiber.HeaderContentType, a.mediaType)
	c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	// A picture that is opened by itself is a document of its own.
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; style-src 'unsafe-inline'")
	return c.Send(a.content)
}

// views are the pages of one language.
type views struct {
	pages map[string]*template.Template
}

// pageNames lists the pages, each a template file of that name.
func pageNames() ([]string, error) {
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, file := range files {
		name := strings.TrimSuffix(path.Base(file), ".html")
		if name != "layout" && name != "parts" {
			names = append(names, name)
		}
	}
	return names, nil
}

func parseViews(lang string, people officers) (*views, error) {
	base, err := template.New("layout.html").Option("missingkey=error").Funcs(functions(words(lang), people)).
		ParseFS(templateFiles, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	names, err := pageNames()
	if err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	v := &views{pages: map[string]*template.Template{}}
	for _, name := range names {
		page, err := base.Clone()
		if err == nil {
			page, err = page.ParseFS(templateFiles, "templates/"+name+".html")
		}
		if err != nil {
			return nil, fmt.Errorf("pages: %w", err)
		}
		v.pages[name] = page
	}
	return v, nil
}

func (v *views) render(to io.Writer, name string, f frame) error {
	page, ok := v.pages[name]
	if !ok {
		return fmt.Errorf("pages: there is no page %q", name)
	}
	if err := page.ExecuteTemplate(to, "layout.html", f); err != nil {
		return fmt.Errorf("pages: %s: %w", name, err)
	}
	return nil
}

// functions are what templates call. Words and formats are those of one language.
func functions(w words, people officers) template.FuncMap {
	return template.FuncMap{
		"t":  w.say,
		"in": func(text procedure.Text) string { return text.In(string(w)) },
		"asset": func(name string) (string, error) {
			if address, ok := assetNames[name]; ok {
				return address, nil
			}
			return "", errors.New("pages: no file is called " + name)
		},
		"officer":  func(id string) string { return people.name(id, w) },
		"clock":    func(at any) (string, error) { return onMoment(at, w.clock) },
		"code":     w.code,
		"date":     func(at any) (string, error) { return onMoment(at, w.date) },
		"datetime": func(at any) (string, error) { return onMoment(at, w.dateTime) },
		"precise":  func(at any) (string, error) { return onMoment(at, w.precise) },
		"machine":  func(at any) (string, error) { return onMoment(at, machine) },
		"num":      func(n any) (string, error) { return w.number(n) },
		"money":    w.money,
		"worked":   w.worked,
		"brief":    w.brief,
		"elapsed":  w.elapsed,
		"term":     w.term,
		"address":  func(parts ...string) string { return address(parts...) },
		"add":      func(a, b int) int { return a + b },
		"dict":     dict,
	}
}

// onMoment formats what the answers hold: times, instants and pointers to them.
func onMoment(at any, format func(time.Time) string) (string, error) {
	var t time.Time
	switch at := at.(type) {
	case time.Time:
		t = at
	case *time.Time:
		if at != nil {
			t = *at
		}
	case queries.Instant:
		t = at.Time
	case *queries.Instant:
		t = timeOf(at)
	default:
		return "", fmt.Errorf("pages: %T is no moment", at)
	}
	if t.IsZero() {
		return "–", nil
	}
	return format(t), nil
}

func (w words) number(n any) (string, error) {
	switch n := n.(type) {
	case int:
		return w.whole(int64(n)), nil
	case int64:
		return w.whole(n), nil
	case uint64:
		return w.whole(int64(n)), nil
	case uint32:
		return w.whole(int64(n)), nil
	case uint16:
		return w.whole(int64(n)), nil
	case float64:
		return w.trimmed(n), nil
	case *float64:
		if n == nil {
			return "–", nil
		}
		return w.trimmed(*n), nil
	}
	return "", fmt.Errorf("pages: %T is no number", n)
}

func (w words) term(t worktime.Term) string {
	if t.IsZero() {
		return w.text("term.none")
	}
	unit := w.code("unit", string(t.Unit))
	if w.english() && t.Amount == 1 {
		unit = strings.TrimSuffix(unit, "s")
	}
	return w.whole(int64(t.Amount)) + " " + unit
}

// dict makes a map of names and values, to hand several to a part.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, errors.New("pages: a dict needs a value for each name")
	}
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, errors.New("pages: the names of a dict are texts")
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}
